"""`shardwright check`: a preflight: whether a cluster has what a recipe needs, before anything is created."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from shardwright.cli import options, recipes
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.preflight import Needs
    from shardwright.core.rules import Finding
    from shardwright.kubernetes.client import Client
    from shardwright.kubernetes.place import Place

__all__ = ["check"]

EXIT_FINDINGS = 4


@click.command(short_help="Does the cluster have what a recipe needs?")
@click.argument("name", required=False, metavar="[KIND/NAME]")
@options.files
@options.overrides
@click.option(
    "-n",
    "--namespace",
    default="",
    metavar="NAME",
    help="Namespace of KIND/NAME, and of recipes that name none; the context's if omitted.",
)
@options.cluster
@click.option("--create-namespace", is_flag=True, help="Apply will make the namespace.")
@click.option(
    "--probe", is_flag=True, help="Mount the claim on each node that may be chosen, by a pod that is removed."
)
@click.option("--strict", is_flag=True, help="Warnings, and what cannot be told, fail too.")
@click.option("--print-rbac", is_flag=True, help="Print the Roles that all commands on it need; ask no cluster.")
@click.option("--with-secrets", is_flag=True, help="With --print-rbac: what apply --secret-from-env needs as well.")
@click.option("--rehearsal", is_flag=True, help="With --print-rbac: what rehearse --on cluster [-n] needs instead.")
@click.option("--service-account", metavar="[NS:]NAME", help="Whom --print-rbac gives them to.")
@click.option("--user", metavar="NAME", help="The same, a user.")
@click.option("--group", metavar="NAME", help="The same, a group.")
@options.output("table", "wide", "json", "yaml")
def check(  # noqa: PLR0913 - the command's options
    name: str | None,
    paths: tuple[str, ...],
    sets: tuple[str, ...],
    *,
    namespace: str,
    context: str,
    kubeconfig: str,
    create_namespace: bool,
    probe: bool,
    strict: bool,
    print_rbac: bool,
    with_secrets: bool,
    rehearsal: bool,
    service_account: str | None,
    user: str | None,
    group: str | None,
    output: str,
) -> None:
    """Check a cluster for a recipe: its API, operators, fields, rights, nodes and GPUs, storage, ways in, Secrets, names.

    Nothing is created, but for --probe. Values of Secrets are not looked at. What fails ends with exit code 4.
    KIND/NAME is an object that is there, whoever made it: lws/NAME, isvc/NAME, raycluster/NAME, deploy/NAME. Its pods that run
    are looked at from inside: does the leader's address resolve in workers, are all files of the model there.

    \b
    shardwright check -f recipe.yaml
    shardwright check -f recipe.yaml --print-rbac --service-account demo:deployer | kubectl apply -f -
    shardwright check lws/llama -n demo -o wide
    """
    from shardwright.kubernetes.place import Place

    if bool(name) == bool(paths):
        raise click.UsageError("name a recipe (-f FILE) or an object of the cluster (KIND/NAME)")
    place = Place(kubeconfig, context, namespace)
    if print_rbac:
        given = {"ServiceAccount": service_account, "User": user, "Group": group}
        asked = _Rights(create_namespace, probe, with_secrets, rehearsal)
        _print_rbac(paths, sets, place, {kind: each for kind, each in given.items() if each}, asked)
        return
    if any((with_secrets, rehearsal, service_account, user, group)):
        raise click.UsageError(
            "--with-secrets, --rehearsal, --service-account, --user and --group go with --print-rbac"
        )
    found = [
        (needs, findings)
        for needs, findings in _checked(name, paths, sets, place, create_namespace=create_namespace, probe=probe)
    ]
    _show(found, output, strict=strict)


def _checked(
    name: str | None,
    paths: tuple[str, ...],
    sets: tuple[str, ...],
    place: Place,
    *,
    create_namespace: bool,
    probe: bool,
) -> Iterator[tuple[Needs, tuple[Finding, ...]]]:
    from shardwright.service import checking, clusters, inside
    from shardwright.settings import load_settings

    plans = recipes.plans(paths, sets, {}, load_settings().hub, place) if paths else []
    recipe_needs = [checking.needs_of_plan(plan, create_namespace=create_namespace) for plan in plans]
    with clusters.connected(place) as client:
        own = place.namespace or client.namespace
        wanted = recipe_needs or [checking.needs_of_object(client, own, name or "")]
        for needs in wanted:
            findings = (*checking.check(client, needs), *(inside.look(client, own, name) if name else ()))
            yield needs, (*findings, *(_probed(client, needs) if probe else ()))


def _probed(client: Client, needs: Needs) -> tuple[Finding, ...]:
    from shardwright.service import probing

    return probing.probe(client, needs)


def _show(found: list[tuple[Needs, tuple[Finding, ...]]], output: str, *, strict: bool) -> None:
    from shardwright.cli import check_view
    from shardwright.cli.output import print_data, print_text
    from shardwright.service import checking

    if output in {"json", "yaml"}:
        print_data([entry for needs, findings in found for entry in check_view.of_whom(needs, findings)], output)
    else:
        several = len(found) > 1
        blocks = [check_view.text(*each, wide=output == "wide", is_one_of_several=several) for each in found]
        print_text("\n\n".join(blocks))
    if any(checking.failing(findings, strict=strict) for _, findings in found):
        raise click.exceptions.Exit(EXIT_FINDINGS)


@frozen
class _Rights:
    """Rights of what is not done by every check and apply."""

    create_namespace: bool
    probe: bool
    secrets: bool
    rehearsal: bool


def _print_rbac(
    paths: tuple[str, ...], sets: tuple[str, ...], place: Place, given: dict[str, str], asked: _Rights
) -> None:
    from shardwright.core.marked import writing
    from shardwright.service import checking, rehearsal_rights
    from shardwright.settings import load_settings

    if not paths:
        raise click.UsageError("--print-rbac needs a recipe (-f FILE)")
    if len(given) > 1:
        raise click.UsageError("give one of --service-account, --user and --group")
    kind, name = next(iter(given.items()), ("ServiceAccount", "shardwright"))
    if asked.rehearsal and any((asked.create_namespace, asked.probe, asked.secrets)):
        raise click.UsageError("--rehearsal stands alone: a rehearsal makes no Secret and probes nothing")
    # As `rehearse` has it, the namespace is that of the rehearsal, whatever the recipe names.
    own = dataclasses.replace(place, namespace="") if asked.rehearsal else place
    for plan in recipes.plans(paths, sets, {}, load_settings().hub, own):
        if asked.rehearsal:
            subject = _subject(kind, name, place.namespace or plan.recipe.metadata.namespace)
            bodies = rehearsal_rights.rbac(plan, subject, namespace=place.namespace)
        else:
            needs = checking.needs_of_plan(plan, create_namespace=asked.create_namespace)
            subject = _subject(kind, name, needs.namespace)
            bodies = checking.rbac(needs, subject, with_probe=asked.probe, with_secrets=asked.secrets)
        for body in bodies:
            click.echo("---\n" + writing.as_yaml(body, width=110), nl=False)


def _subject(kind: str, name: str, namespace: str) -> dict[str, str]:
    """Of a binding; an account is NAME, or NAMESPACE:NAME."""
    if kind != "ServiceAccount":
        return {"kind": kind, "name": name, "apiGroup": "rbac.authorization.k8s.io"}
    inside, _, own = name.rpartition(":")
    return {"kind": kind, "name": own, "namespace": inside or namespace}
