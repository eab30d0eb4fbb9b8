"""`shardwright rehearse`: the same layout and launch code with the real engine and a shrunken model, on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from shardwright.cli import options, recipes

if TYPE_CHECKING:
    from shardwright.core.plan.types import Plan
    from shardwright.core.rehearsal import Coverage
    from shardwright.service.rehearsing import Session
    from shardwright.service.watching import Answer, Update
    from shardwright.settings import Settings

__all__ = ["rehearse"]


@click.command(short_help="Run the layout here with the real engine and a shrunken model.")
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
@recipes.model_options
def rehearse(paths: tuple[str, ...], sets: tuple[str, ...], output: str, hosts: str, **short: object) -> None:
    """Rehearse a recipe, or MODEL: start its group here, ask it one question, stop it. Nothing is left behind.

    \b
    shardwright rehearse -f recipe.yaml
    shardwright rehearse llama-3.3-70b --gpu L40S --gpus-per-node 4 --nodes 2 --tensor 4 --pipeline 2
    """
    from shardwright.settings import load_settings

    settings = load_settings()
    for plan in recipes.plans(paths, sets, short, settings.hub):
        _rehearse(plan, settings, hosts, output)


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
