"""KServe's LLMInferenceService and LLMInferenceServiceConfig.

Knows what each release from 0.16 to 0.20 accepts, refuses and makes of them. Knows no engine: how a member is started
comes with the deployment. Source of what rendering depends on: `facts.toml`.
"""
