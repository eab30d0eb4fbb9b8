"""`shardwright chat`: ask a served model, one question or many."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

import click

from shardwright import errors
from shardwright.cli import options

if TYPE_CHECKING:
    from collections.abc import Generator

    from shardwright.kubernetes.place import Place
    from shardwright.service.chatting import Asking
    from shardwright.service.reaching import Way
    from shardwright.settings import Settings

__all__ = ["chat"]


@click.command(short_help="Ask a served model.")
@click.argument("name", metavar="NAME|KIND/NAME")
@click.argument("question", required=False)
@options.namespace
@options.cluster
@click.option("--model", default="", metavar="NAME", help="Name in the request; the served name if omitted.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=512, show_default=True, help="Longest answer.")
@options.key
def chat(  # noqa: PLR0913 - the command's options
    name: str,
    question: str | None,
    namespace: str,
    *,
    context: str,
    kubeconfig: str,
    model: str,
    max_tokens: int,
    key_from: str,
) -> None:
    """Ask NAME a QUESTION and print the answer as it is written; without one, ask for questions until the input ends.

    Nothing has to be exposed: requests go through the API server, or by a forwarded port where a key is wanted.

    \b
    shardwright chat llama "What is the biggest mountain in the world?" -n demo
    shardwright chat isvc/llama -n demo --key-from OPENAI_API_KEY
    """
    from shardwright.kubernetes.place import Place
    from shardwright.service.chatting import Asking, served_models
    from shardwright.settings import load_settings

    settings, place = load_settings(), Place(kubeconfig, context, namespace)
    with _way(name, settings, place, options.load_key(key_from)) as (way, base_path, served_name):
        served = served_models(way, base_path)
        chosen = model or (served_name if served_name in served else next(iter(served), served_name))
        _talk(Asking(way, base_path, chosen, max_tokens), question)


@contextlib.contextmanager
def _way(name: str, settings: Settings, place: Place, key: str) -> Generator[tuple[Way, str, str]]:
    """How it is asked, its base path, and its served name as far as it is known."""
    from shardwright.service import clusters, forwarding, observing, reaching, seeing, whereabouts

    spot = whereabouts.where(name, settings, place)
    namespace = spot.namespace
    if spot.is_here:
        found = observing.status(namespace, name, settings)
        if found["state"] != "ready":
            raise errors.TemporaryError(f"{namespace}/{name} is {found['state']}, not ready yet", retry_after_seconds=2)
        yield reaching.Direct(str(found["url"]), key), "/v1", str(found["servedName"])
        return
    with clusters.connected(spot.place) as client, contextlib.ExitStack() as ends:
        subject = seeing.find(client, namespace, name)
        if key:
            way: Way = ends.enter_context(forwarding.way_with_key(client, subject, key))
        else:
            entrance = reaching.entrance_of(client, subject)
            if not entrance.through:
                raise errors.TemporaryError(f"{namespace}/{name} has no leader to ask", retry_after_seconds=5)
            way = reaching.ThroughServer(client, subject.namespace, entrance.through)
        yield way, subject.parts.base_path, subject.served_name


def _talk(asking: Asking, question: str | None) -> None:
    if question is not None:
        _answer(asking, question)
        return
    is_terminal = sys.stdin.isatty()
    while True:
        if is_terminal:
            click.echo("> ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line:
            return
        if line.strip():
            _answer(asking, line.strip())


def _answer(asking: Asking, question: str) -> None:
    for piece in asking.ask(question):
        click.echo(piece, nl=False)
        sys.stdout.flush()
    click.echo()
