"""Red Hat OpenShift AI, releases 2.14 to 3.5: KServe with an engine of its own choice, marks of its own, and OpenShift's Route.

Knows which KServe, engine, image and executor each release brings, and what clusters of that kind lack. Leaves everything
about InferenceServices to the target `kserve`, which it finds in the registry. Source of its facts: `facts.toml`.
"""
