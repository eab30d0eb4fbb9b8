"""What targets on Kubernetes share.

`render`: objects as targets write them. `rules`: what holds for all of them. `read`: manifests back into recipes.
`client`: an API server. `live`: what is seen and done in a cluster, through it.
"""
