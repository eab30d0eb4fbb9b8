"""Blueprints of OCI AI Blueprints: JSON documents that describe nodes, a container and its model in one.

A format, not a platform: what a blueprint asks for is read as a recipe, judged by rules of its own, and a plan is written
as one. Knows the documents of the project, not its control plane. Source of keys and modes: `facts.toml`.
"""
