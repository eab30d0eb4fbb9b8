"""Documents whose every value knows where it stands: YAML and JSON of recipes and of manifests.

Knows syntax and bounds, no field: what values mean is for who reads them.
"""
