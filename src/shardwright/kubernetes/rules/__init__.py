"""Rules on deployments and on manifests that hold for every platform which makes pods."""
