"""Whether a cluster has what a deployment needs, before anything is created: needs and facts in, findings out.

Nothing here asks a cluster: `kubernetes.needs_reading` and `kubernetes.facts_reading` make the values that are judged.
"""

from shardwright.core.preflight.decide import check
from shardwright.core.preflight.facts import ClusterFacts, Untold
from shardwright.core.preflight.needs import Needs

__all__ = ["ClusterFacts", "Needs", "Untold", "check"]
