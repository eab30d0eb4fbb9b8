"""Options that several commands share, so that they are spelled and explained the same everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shardwright import errors

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "cluster",
    "files",
    "follow",
    "key",
    "load_key",
    "namespace",
    "output",
    "overrides",
    "recipe_namespace",
    "wait",
]


def files(command: Callable[..., Any]) -> Callable[..., Any]:
    """`-f FILE|-|DIR`, several times."""
    return click.option(
        "-f",
        "--file",
        "paths",
        multiple=True,
        metavar="FILE|-|DIR",
        help="Recipe: a file, standard input, or a folder.",
    )(command)


def overrides(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--set a.b=c`, several times."""
    return click.option(
        "--set", "sets", multiple=True, metavar="FIELD=VALUE", help="Change a field: hardware.nodes=2. Repeatable."
    )(command)


def namespace(command: Callable[..., Any]) -> Callable[..., Any]:
    """`-n NAMESPACE`."""
    return click.option(
        "-n",
        "--namespace",
        default="",
        metavar="NAME",
        help="Namespace; if omitted, `default` on this machine, and the context's in a cluster.",
    )(command)


def recipe_namespace(command: Callable[..., Any]) -> Callable[..., Any]:
    """`-n NAMESPACE` of what reads recipes for a cluster."""
    return click.option(
        "-n",
        "--namespace",
        default="",
        metavar="NAME",
        help="Namespace of recipes that name none; the context's if omitted.",
    )(command)


def output(*formats: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`-o FORMAT`; the first one is the default."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Format of what is printed.",
    )


def wait(default_seconds: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--timeout SECONDS`."""
    return click.option(
        "--timeout",
        "timeout_seconds",
        type=click.FloatRange(min=1),
        default=default_seconds,
        show_default=True,
        metavar="SECONDS",
        help="How long to wait.",
    )


def key(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--key-from VARIABLE`; `load_key` reads it."""
    return click.option(
        "--key-from", default="", metavar="VARIABLE", help="Environment variable that holds the key, if one is wanted."
    )(command)


def load_key(variable: str) -> str:
    """The key that an environment variable holds, empty if none is named; InputError if it holds none."""
    from shardwright.settings import load_variable

    value = load_variable(variable) if variable else ""
    if variable and not value:
        raise errors.InputError(f"--key-from {variable}: this environment variable is not set, or is empty")
    return value


def follow(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--wait/--no-wait --timeout SECONDS --key-from VARIABLE` of what starts a deployment."""
    decorators = [
        click.option(
            "--wait/--no-wait",
            default=True,
            show_default=True,
            help="Follow the start until a request is answered. A download is waited for either way.",
        ),
        click.option(
            "--timeout",
            "timeout_seconds",
            type=click.FloatRange(min=1),
            metavar="SECONDS",
            help="How long the download of the model may take, and the start after it; if omitted, 6 hours and what the plan "
            "expects at most, on this machine 1800.",
        ),
        key,
    ]
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


def cluster(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--context NAME --kubeconfig FILE`, as kubectl has them."""
    decorators = [
        click.option(
            "--context", default="", metavar="NAME", help="Context of the kubeconfig; the current one if omitted."
        ),
        click.option(
            "--kubeconfig", default="", metavar="FILE", help="Kubeconfig; KUBECONFIG or ~/.kube/config if omitted."
        ),
    ]
    for decorator in reversed(decorators):
        command = decorator(command)
    return command
