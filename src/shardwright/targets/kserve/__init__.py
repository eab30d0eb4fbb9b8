"""KServe's InferenceService, ServingRuntime and ClusterServingRuntime.

Knows what each release from 0.13 to 0.20 accepts, refuses and makes of them. Knows no engine: how a member is started comes
with the deployment. Source of its facts: `facts.toml`.
"""
