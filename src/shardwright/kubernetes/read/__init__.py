"""Manifests from anywhere back into fields of a recipe."""
