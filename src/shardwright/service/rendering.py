"""Use case: a deployment becomes manifests, as one stream or as files in a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from shardwright import errors
from shardwright.core.rules import Finding
from shardwright.formats import helm, kustomize, texts
from shardwright.service import admitting, folders, prerequisites

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from shardwright.core.deployment import Deployment
    from shardwright.core.plugins import Manifest, Target
    from shardwright.formats.texts import File

__all__ = ["Form", "as_json", "as_stream", "form_of", "remarks", "render", "told_once", "write_directory"]

Form: TypeAlias = Literal["yaml", "kustomize", "helm"]
"""Forms of a folder."""


def render(deployment: Deployment, target: Target) -> tuple[Manifest, ...]:
    """Manifests in the order in which they are applied; InputError with all findings of severity error."""
    _stop(deployment, target, [found for found in target.findings(deployment) if found.severity == "error"])
    made = target.render(deployment)
    _stop(deployment, target, admitting.refused(deployment, target, made))
    return made


def _stop(deployment: Deployment, target: Target, wrong: Sequence[Finding]) -> None:
    """InputError with all of these, if there are any."""
    if wrong:
        name = deployment.recipe.metadata.name
        lines = [f"  {found.path}: {found.message} [{found.id}]\n    {found.fix}".rstrip() for found in wrong]
        count = "1 finding" if len(wrong) == 1 else f"{len(wrong)} findings"
        raise errors.InputError(f"{name} cannot be rendered for {target.kind}: {count}\n" + "\n".join(lines))


def remarks(deployment: Deployment, target: Target) -> tuple[Finding, ...]:
    """What to know before the manifests are applied: Secrets that must be there, what is not rendered, ..."""
    of_the_target = (finding for finding in target.findings(deployment) if finding.severity != "error")
    return (*_one_node(deployment), *of_the_target, *prerequisites.findings_of(deployment, target))


def _one_node(deployment: Deployment) -> Iterator[Finding]:
    """With `parallelism: auto` nothing that spans nodes is rendered where one node, or one GPU of it, is enough."""
    plan = deployment.plan
    if plan.recipe.parallelism != "auto" or plan.layout.nodes > 1:
        return
    yield Finding(
        "layout.one-node",
        "pass",
        "info",
        f"the form for one node is rendered: {plan.reasons[0] if plan.reasons else plan.layout}",
        path="parallelism",
        value="auto",
        requirements=("R049", "R154"),
    )


def told_once(of_the_plan: Iterable[Finding], of_the_target: Sequence[Finding]) -> tuple[Finding, ...]:
    """Findings of both; where plan and target find the same thing at the same field, what the target says of it."""
    told = {(_subject(finding), finding.path, finding.value) for finding in of_the_target}
    kept = (finding for finding in of_the_plan if (_subject(finding), finding.path, finding.value) not in told)
    return (*kept, *of_the_target)


def _subject(finding: Finding) -> str:
    """`trust-remote-code` of `model.trust-remote-code`."""
    return finding.id.partition(".")[2]


def as_stream(manifests: Sequence[Manifest]) -> str:
    """All manifests as one YAML stream, for `kubectl apply -f -`."""
    return texts.as_stream(texts.shared_once(manifests))


def as_json(manifests: Sequence[Manifest]) -> str:
    """All manifests as one List in JSON."""
    return texts.as_json(texts.shared_once(manifests))


def write_directory(
    manifests: Sequence[Manifest], out: str | Path, form: Form = "yaml", more: Sequence[File] = ()
) -> list[Path]:
    """Write manifests as files in a form; `more` are files beside them.

    `yaml`: one file an object, named so that `kubectl apply -f DIR` keeps the order. Files of ours that are stale are
    removed. Conflict if a file in the way is not ours; EnvironmentFault or InputError if the folder cannot be written.
    """
    for manifest in manifests:
        if form != "yaml" and str(manifest.body.get("apiVersion", "")).startswith("shardwright.dev/"):
            raise errors.InputError(
                f"{manifest.kind} {manifest.name} is no object of Kubernetes, so there is no -o {form} of it",
                hint="use -o yaml, or another target",
            )
    files = (*_WRITERS[form](texts.shared_once(manifests)), *more)
    return folders.write_files(files, out, texts.owners_of(manifests))


def form_of(text: str) -> Form:
    """A form by its name; InputError for one that there is not."""
    for form in _WRITERS:
        if form == text:
            return form
    raise errors.InputError(f"{text!r} is no form of a folder", hint=f"use one of: {', '.join(_WRITERS)}")


_WRITERS: dict[Form, Callable[[Sequence[Manifest]], tuple[File, ...]]] = {
    "yaml": texts.object_files,
    "kustomize": kustomize.kustomize_files,
    "helm": helm.helm_files,
}
