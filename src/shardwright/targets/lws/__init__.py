"""LeaderWorkerSet, releases 0.5 to 0.10: groups of pods that are made, updated and restarted together.

Knows the API and the webhook of the controller, the names and variables it gives, and what each release accepts.
Knows no engine: how a member is started comes with the deployment. Source of its facts: `facts.toml`.
"""
