"""Plain Kubernetes, releases 1.20 to 1.36: a Deployment for what fits one node, with nothing else to install.

Knows Deployments and what each release has. Knows no groups: a plan of several nodes is refused, with the targets that
have them. Source of its facts: `facts.toml`.
"""
