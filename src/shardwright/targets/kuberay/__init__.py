"""KubeRay, releases 1.1 to 1.7: Ray clusters of pods, made by an operator, that a group of the engine's ranks runs in.

Knows the API and the operator, the names it gives, what it does to pods, and what each release accepts. Knows no engine:
how its server is started comes with the deployment. Source of its facts: `facts.toml` and `fields.toml`.
"""
