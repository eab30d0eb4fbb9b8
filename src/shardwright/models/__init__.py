"""Models by their source: a directory, the hub, the built-in catalogue; and the files of a rehearsal's twin."""

from shardwright.models.load import load_shape

__all__ = ["load_shape"]
