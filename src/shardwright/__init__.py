"""Shardwright: plans, renders, rehearses and runs one large model over many GPUs and many nodes."""

__all__ = ["__version__"]

__version__ = "0.1.0"
