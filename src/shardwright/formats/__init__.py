"""Forms in which manifests and recipes are written and read besides our own: streams, kustomizations, charts ...

Pure: texts in and out; files are read and written by the service.
"""
