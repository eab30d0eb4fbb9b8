"""Model shapes from directories, checkpoints, the hub and the catalogue."""
