"""What a model is made of, one file a family: from a configuration to tensors and cache."""

from shardwright.core.shape.base import Cache, Latent, Layer, Mixture, ModelShape, Rotary, Split, State, Weight
from shardwright.core.shape.families import shape_of

__all__ = ["Cache", "Latent", "Layer", "Mixture", "ModelShape", "Rotary", "Split", "State", "Weight", "shape_of"]
