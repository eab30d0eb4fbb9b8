"""What an apply would do: by object and by field, and what that means."""

from __future__ import annotations

from shardwright.core.lifecycle import changes, plan_difference, updates


def service(**spec: object) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "llama", "namespace": "demo", "resourceVersion": "7", "managedFields": [{"a": 1}]},
        "spec": spec,
        "status": {"loadBalancer": {}},
    }


def test_a_new_object_is_created() -> None:
    """Nothing is there."""
    assert str(changes.change_of(service(), None, service())) == "create Service demo/llama"


def test_what_only_the_server_writes_is_no_change() -> None:
    """Versions, managed fields and status differ after every write."""
    after: dict[str, object] = service(type="ClusterIP") | {"status": None}
    after["metadata"] = {"name": "llama", "namespace": "demo", "resourceVersion": "8"}
    assert changes.change_of(service(), service(type="ClusterIP"), after).action == "unchanged"


def test_fields_are_named() -> None:
    """Each field with its value before and after."""
    change = changes.change_of(service(), service(type="ClusterIP"), service(type="NodePort"))
    assert (change.action, [(each.path, each.original, each.rendered) for each in change.fields]) == (
        "update",
        [("spec.type", "ClusterIP", "NodePort")],
    )


def test_what_cannot_be_changed_is_made_anew() -> None:
    """The server's words are kept."""
    change = changes.change_of(service(), service(), None, refused="field is immutable")
    assert (change.action, change.why) == ("recreate", "field is immutable")


def test_only_what_can_be_made_again_is_pruned() -> None:
    """A claim holds a model; the last applied goes first."""
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "models", "namespace": "demo"}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "load", "namespace": "demo"}}
    stale = changes.stale_among([claim, job, service()], [])
    assert [str(each) for each in stale] == ["prune Service demo/llama", "prune Job demo/load"]
    assert changes.stale_among([job], [job]) == ()


def test_two_plans_are_compared_for_people() -> None:
    """Layout, GPUs, tokens and engine, each only where it differs."""
    old = {
        "layout": {"tensor": 2, "pipeline": 1, "data": 1},
        "kvTokens": 395_000,
        "engine": {"name": "vllm", "version": "0.24.0"},
    }
    new = old | {"layout": {"tensor": 4, "pipeline": 1, "data": 1}, "kvTokens": 1_229_000}
    assert plan_difference.plan_difference(old, new) == (
        "TP 2 -> 4",
        "2 more GPUs (2 -> 4)",
        "KV tokens: 395,000 -> 1,229,000",
    )
    assert plan_difference.plan_difference(old, old) == ()


def test_a_change_of_labels_restarts_nothing() -> None:
    """Pods are made anew when the specification of what owns them changes."""
    group = service(size=2) | {"kind": "LeaderWorkerSet"}
    labelled = group | {"metadata": {"name": "llama", "namespace": "demo", "labels": {"team": "a"}}}
    resized = service(size=3) | {"kind": "LeaderWorkerSet"}
    assert not updates.replaces_pods(changes.change_of(group, group, labelled))
    assert updates.replaces_pods(changes.change_of(group, group, resized))
