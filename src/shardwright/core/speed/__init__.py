"""How fast a layout answers: from bytes, floating point operations and messages to seconds, with a range.

The engine brings its pace (constants that were measured on it) with its demand; what the model reads, computes and sends
is counted here. Where a figure of the GPU is missing there is no prediction, and a reason instead.
"""

from shardwright.core.speed.prediction import predict, predicted_batch_seconds
from shardwright.core.speed.values import Pace, Range, Speed

__all__ = ["Pace", "Range", "Speed", "predict", "predicted_batch_seconds"]
