"""`shardwright watch`: a deployment as it changes, until you stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from shardwright.cli import options

if TYPE_CHECKING:
    from shardwright.kubernetes.place import Place
    from shardwright.settings import Settings

__all__ = ["watch"]


@click.command(short_help="Follow a deployment as it changes.")
@click.argument("name", metavar="NAME|KIND/NAME")
@options.namespace
@options.cluster
@options.output("text", "json")
def watch(name: str, namespace: str, *, context: str, kubeconfig: str, output: str) -> None:
    """Follow NAME: its state, members, and the start-up phase of every rank, until Ctrl-C.

    On a terminal one view that redraws itself, else one line a change; `-o json` is one JSON value a line. KIND/NAME is any
    object of a cluster: lws/NAME, isvc/NAME, llmisvc/NAME, raycluster/NAME, rayservice/NAME, deploy/NAME.

    \b
    shardwright watch llama -n demo
    shardwright watch lws/llama -n demo --context prod -o json | jq 'select(.what == "warning")'
    """
    from shardwright.kubernetes.place import Place
    from shardwright.service import whereabouts
    from shardwright.settings import load_settings

    settings, place = load_settings(), Place(kubeconfig, context, namespace)
    found = whereabouts.where(name, settings, place)
    if found.is_here:
        _on_this_machine(name, found.namespace, settings, output)
    else:
        _in_the_cluster(name, found.place, output)


def _in_the_cluster(name: str, place: Place, output: str) -> None:
    from shardwright.cli import watch_view
    from shardwright.service import clusters, following, seeing

    with clusters.connected(place) as client:
        subject = seeing.find(client, place.namespace, name)
        expected = following.budget_seconds(subject.revision.manifests) if subject.revision else 0
        frames = (watch_view.frame_of(view, expected) for view in following.follow(client, subject))
        for _ in watch_view.show(frames, output):
            pass


def _on_this_machine(name: str, namespace: str, settings: Settings, output: str) -> None:
    from shardwright.cli import watch_view
    from shardwright.service import local_watching

    moments = local_watching.follow(namespace, name, settings)
    for _ in watch_view.show(watch_view.frames_of(moments, namespace, name), output):
        pass
