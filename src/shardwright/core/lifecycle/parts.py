"""Where a deployment is found again: its root object, its pods and how one is told from another.

Made from the root object alone, rendered or live, so that it holds for objects of any origin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Parts", "Root", "Update"]


@frozen
class Root:
    """The object that stands for a deployment; all else is made from it, by us or by an operator."""

    api_version: str
    kind: str
    name: str
    ready_condition: str = "Ready"
    """Type of the condition in its status that is True when it serves; without it the leaders' pods say."""
    keeps_words: bool = False
    """A condition of it that became False still has the reason and message of when it was True."""
    keeps_generation: bool = False
    """Its controller writes down each generation of it that it has seen."""


@frozen(kw_only=True)
class Update:
    """How a platform replaces the pods of a root object when their template changes."""

    surge: int = 0
    """Replicas that are made before old ones end."""
    unavailable: int = 1
    """Replicas that may be missing meanwhile."""
    field: str = ""
    """What says so in the object, with its value; empty: the platform's own way."""
    stuck: str = ""
    """Why it leaves the pods as they are; empty: it replaces them."""


@frozen(kw_only=True)
class Parts:
    """One deployment on a platform."""

    root: Root
    pod_selector: str
    """Label selector of all pods of the engine, of every replica, and of no others."""
    leader_labels: Mapping[str, str]
    """What leaders have and workers have not; empty where every pod is a leader."""
    replicas: int = 1
    """Replicas that the root object asks for."""
    size: int = 1
    """Members of a replica."""
    group_label: str = ""
    """Pod label with the replica's index; empty: one replica, or replicas of one pod each."""
    index_label: str = ""
    """Pod label with the member's index in its replica, the leader's is 0; empty: workers in order of their names."""
    names_tell: bool = False
    """A pod's name says what its labels say: `NAME-GROUP` of a leader, `NAME-GROUP-INDEX` of a worker; one label tells
    leaders, and the first of its selector is their name."""
    container: str = ""
    """The engine's container in each pod; empty: the first."""
    worker_container: str = ""
    """The same in pods of workers, where it has another name there."""
    leader_variable: str = ""
    """Variable of the pods of workers that holds the leader's address; empty: they have none."""
    service: str = ""
    """The Service that the platform makes before its leaders; empty: any that selects them."""
    base_path: str = "/v1"
    """`/openai/v1` where the runtime serves below it."""
    more_roots: tuple[Root, ...] = ()
    """Objects of an operator between the root and the pods whose conditions explain it: the RayCluster of a RayService."""
    update: Update = Update()

    def container_of(self, index: int) -> str:
        """The engine's container in the pod of a member, by its index."""
        return (self.worker_container if index else "") or self.container
