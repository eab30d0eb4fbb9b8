"""Use case: a deployment becomes manifests, as one stream or as files in a folder.

Every file begins with a line that says who wrote it and for which deployment. Only files with such a line for the
deployments at hand are replaced or removed; all others are left alone.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.kubernetes import dump, labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shardwright.core.deployment import Deployment
    from shardwright.core.plugins import Manifest, Target
    from shardwright.core.rules import Finding

__all__ = ["as_stream", "remarks", "render", "write_directory"]

_MARK = re.compile(r"# Written by Shardwright for (\S+) ")
_SHOWN_DIGEST = len("sha256:") + 12
"""Characters of the digest in the first line; all of it stands in an annotation."""
_CURES = {
    errno.ENOSPC: "free some space there, or choose another folder with --out",
    errno.EDQUOT: "free some space there, or choose another folder with --out",
    errno.EACCES: "make the folder writable, or choose another one with --out",
    errno.EPERM: "make the folder writable, or choose another one with --out",
    errno.EROFS: "choose a folder on a writable file system with --out",
}


def render(deployment: Deployment, target: Target) -> tuple[Manifest, ...]:
    """Manifests in the order in which they are applied; InputError with all findings of severity error."""
    wrong = [finding for finding in target.findings(deployment) if finding.severity == "error"]
    if wrong:
        name = deployment.recipe.metadata.name
        lines = [f"  {found.path}: {found.message} [{found.id}]\n    {found.fix}" for found in wrong]
        count = "1 finding" if len(wrong) == 1 else f"{len(wrong)} findings"
        raise errors.InputError(f"{name} cannot be rendered for {target.kind}: {count}\n" + "\n".join(lines))
    return target.render(deployment)


def remarks(deployment: Deployment, target: Target) -> tuple[Finding, ...]:
    """What to know before the manifests are applied: Secrets that must be there, what is not rendered, ..."""
    return tuple(finding for finding in target.findings(deployment) if finding.severity != "error")


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
    _refuse_twins(manifests)
    return "---\n".join(_document(manifest) for manifest in manifests)


def write_directory(manifests: Sequence[Manifest], out: str | Path) -> list[Path]:
    """Write one file an object, named so that `kubectl apply -f DIR` keeps the order; remove those of ours that are stale.

    Nothing is replaced before everything is written. Conflict if a file in the way is not ours; EnvironmentFault or
    InputError if the folder cannot be written.
    """
    _refuse_twins(manifests)
    if not str(out):
        raise errors.InputError("--out names no folder", hint="name a folder, new or not, or - for a stream")
    folder = Path(out)
    digits = max(2, len(str(10 * len(manifests))))
    wanted = {
        folder / f"{10 * number:0{digits}}-{manifest.kind.lower()}.yaml": _document(manifest)
        for number, manifest in enumerate(manifests, start=1)
    }
    owners = {labels.owner_of(manifest) for manifest in manifests}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        present = {path: _owner_of_file(path) for path in sorted(folder.glob("*.yaml"))}
        _refuse_foreign({path: owner for path, owner in present.items() if path in wanted}, owners)
        _replace(wanted)
        for path, owner in present.items():
            if owner in owners and path not in wanted:
                path.unlink(missing_ok=True)
    except OSError as fault:
        raise _explain(folder, fault) from fault
    return list(wanted)


def _document(manifest: Manifest) -> str:
    """One object with the line that says whose it is."""
    digest = labels.digest_of(manifest)
    source = f"recipe {digest[:_SHOWN_DIGEST]}" if digest else "a recipe"
    mark = f"# Written by Shardwright for {labels.owner_of(manifest)} from {source}. Edit the recipe, not this."
    return f"{mark}\n{dump.as_yaml(manifest.body)}"


def _owner_of_file(path: Path) -> str | None:
    """The deployment that a file was written for; None if it is not ours."""
    if not path.is_file():
        return None
    with path.open(encoding="utf-8", errors="replace") as stream:
        match = _MARK.match(stream.readline(1000))
    return match[1] if match else None


def _refuse_foreign(in_the_way: dict[Path, str | None], owners: set[str]) -> None:
    for path, owner in in_the_way.items():
        if owner not in owners:
            whose = f"was written for {owner}" if owner else "was not written by Shardwright"
            raise errors.Conflict(
                f"{path} {whose} and is not overwritten", hint="choose another folder with --out, or move the file away"
            )


def _refuse_twins(manifests: Sequence[Manifest]) -> None:
    """Two objects of one name would undo each other at each apply."""
    seen: dict[tuple[str, str, str], str] = {}
    for manifest in manifests:
        owner = labels.owner_of(manifest)
        key = (manifest.kind, owner.partition("/")[0], manifest.name)
        if key in seen:
            raise errors.InputError(
                f"{manifest.kind} {manifest.name} is rendered twice, for {seen[key]} and for {owner}",
                hint="give deployments different names; for a shared claim, storage.size and storage.class in one recipe only",
            )
        seen[key] = owner


def _replace(wanted: dict[Path, str]) -> None:
    """Write all texts beside their places, then move each into place."""
    parts = {path: path.with_name(f".{path.name}.{os.getpid()}.part") for path in wanted}
    try:
        for path, part in parts.items():
            part.write_text(wanted[path], encoding="utf-8", newline="\n")
        for path, part in parts.items():
            part.replace(path)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _explain(folder: Path, fault: OSError) -> errors.ShardwrightError:
    place = fault.filename or folder
    if isinstance(fault, FileExistsError | NotADirectoryError):
        return errors.InputError(
            f"--out {folder}: {place} is no folder", hint="name a folder, new or not, or - for a stream"
        )
    hint = _CURES.get(fault.errno or 0, "choose another folder with --out")
    return errors.EnvironmentFault(f"{place} cannot be written: {fault.strerror or fault}", hint=hint)
