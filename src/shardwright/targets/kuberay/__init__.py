"""KubeRay, releases 1.1 to 1.7: Ray clusters of pods, made by an operator."""
