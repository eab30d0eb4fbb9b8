"""Talks to a Kubernetes API: the only place that does. lightkube reads kubeconfigs and brings credentials and TLS.

`connect` gives a `Client`; objects are JSON trees, addressed by `Ref`. What the server refuses becomes an error of ours with
the cure (`refusals`); what may be repeated is repeated. Slow to import, so importers do it when a cluster is asked.
"""

from shardwright.kubernetes.client.client import Client, connect
from shardwright.kubernetes.client.kinds import ApiKind, Kinds
from shardwright.kubernetes.client.kubeconfig import Place
from shardwright.kubernetes.client.refs import Ref, Tree

__all__ = ["ApiKind", "Client", "Kinds", "Place", "Ref", "Tree", "connect"]
