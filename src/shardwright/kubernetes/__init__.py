"""What targets on Kubernetes share: typed objects and how they are written."""
