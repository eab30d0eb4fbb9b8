"""`shardwright rehearse`: the same launch code with the real engine and a shrunken model, here or in a cluster without GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shardwright.cli import options, recipes

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.core.rehearsal import Coverage
    from shardwright.kubernetes.place import Place
    from shardwright.service.rehearsing import Session
    from shardwright.service.watching import Answer, Update
    from shardwright.settings import Settings

__all__ = ["rehearse"]


@click.command(short_help="Run the layout with the real engine and a shrunken model, here or in a cluster.")
@options.files
@options.overrides
@options.output("table", "json", "yaml")
@click.option(
    "--hosts",
    type=click.Choice(["auto", "netns", "loopback"]),
    default="auto",
    show_default=True,
    help="How hosts are emulated: namespaces (root), or addresses of the loopback network.",
)
@click.option("--on", type=click.Choice(["here", "cluster"]), default="here", show_default=True, help="Where it runs.")
@options.cluster
@click.option("-n", "--namespace", default="", help="Namespace in the cluster; if omitted one is made and removed.")
@click.option("--image", default="", metavar="IMAGE", help="The engine built for CPUs; the public one if omitted.")
@click.option("--keep", is_flag=True, help="Leave it in the cluster, to look at it.")
@options.wait(1800)
@recipes.model_options
def rehearse(  # noqa: PLR0913 - the command's options
    paths: tuple[str, ...],
    sets: tuple[str, ...],
    output: str,
    hosts: str,
    *,
    on: str,
    context: str,
    kubeconfig: str,
    namespace: str,
    image: str,
    keep: bool,
    timeout_seconds: float,
    **short: object,
) -> None:
    """Rehearse a recipe, or MODEL: start its group, ask it one question, stop it. Nothing is left behind.

    With `--on cluster` the manifests that will be applied run in a cluster without GPUs, such as kind: GPUs, the model and the
    image are replaced, all else stays, and every change is listed. For targets lws, llmisvc and kubernetes, and on one node kserve
    and openshift-ai. `check --print-rbac --rehearsal` prints the Role that it needs.

    \b
    shardwright rehearse -f recipe.yaml
    shardwright rehearse -f recipe.yaml --on cluster --context kind-kind
    shardwright rehearse llama-3.3-70b --gpu L40S --gpus-per-node 4 --nodes 2 --tensor 4 --pipeline 2
    """
    from shardwright.kubernetes.place import Place
    from shardwright.settings import load_settings

    settings = load_settings()
    place = Place(kubeconfig, context, namespace)
    _demand_sense(on, place, image=image, keep=keep)
    for plan in recipes.plans(paths, sets, short, settings.hub):
        if on == "here":
            _rehearse(plan, settings, hosts, output)
        else:
            from shardwright.cli import cluster_rehearsal

            cluster_rehearsal.rehearse(plan, place, image=image, keep=keep, seconds=timeout_seconds, output=output)


def _demand_sense(on: str, place: Place, *, image: str, keep: bool) -> None:
    """Options of a cluster without one are a slip: the rehearsal would run elsewhere than is thought."""
    given = {"--context": place.context, "--kubeconfig": place.kubeconfig, "-n": place.namespace, "--image": image}
    named = [name for name, value in ({**given, "--keep": keep}).items() if value]
    if on == "here" and named:
        raise click.UsageError(f"{', '.join(named)}: only with --on cluster")


def _rehearse(plan: Plan, settings: Settings, hosts: str, output: str) -> None:
    from shardwright.cli import start_view
    from shardwright.cli.output import print_data
    from shardwright.service import rehearsing

    prepared = rehearsing.prepare(plan, settings, host_kind=hosts)
    click.echo(f"twin of {plan.shape.name}: {', '.join(prepared.shrunk)}", err=True)
    with rehearsing.running(prepared, settings) as session:
        updates = start_view.follow(session.updates(), prepared.run.plan.layout)
        answer = session.ask()
        document = _document(session, updates, answer)
        coverage = session.coverage()
    if output != "table":
        print_data(document | {"exercised": coverage.exercised, "notExercised": coverage.not_exercised}, output)
        return
    click.echo(_text(document, coverage))


def _document(session: Session, updates: list[Update], answer: Answer) -> dict[str, Any]:
    run = session.rehearsal.run
    seen = [dict(update.figures)["kv_tokens"] for update in updates if "kv_tokens" in dict(update.figures)]
    return {
        "name": run.recipe.metadata.name,
        "layout": str(run.plan.layout),
        "readySeconds": round(updates[-1].seconds, 1),
        "kvTokens": run.plan.pool.tokens,
        "kvTokensReported": int(min(seen)) if seen else None,
        "request": dict(answer.request),
        "answer": answer.text,
        "answerSeconds": round(answer.seconds, 2),
    }


def _text(document: dict[str, Any], coverage: Coverage) -> str:
    request = document["request"]
    reported = document["kvTokensReported"]
    pool = f"{document['kvTokens']:,} KV tokens planned, {reported:,} reported" if reported else ""
    lines = [
        f"{document['name']}: {document['layout']} answered; ready in {document['readySeconds']} s",
        f"  POST /v1/completions {request['prompt']!r}, {request['max_tokens']} tokens, {document['answerSeconds']} s",
        f"  {document['answer']!r}",
        *([f"  {pool}"] if pool else []),
        "",
        "Exercised:",
        *(f"  - {line}" for line in coverage.exercised),
        "Not exercised:",
        *(f"  - {line}" for line in coverage.not_exercised),
    ]
    return "\n".join(lines)
