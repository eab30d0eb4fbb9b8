"""What the project renders for a release has no errors by the project's own rules for that release."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shardwright import registry
from shardwright.core.manifests import judge, reading
from shardwright.core.manifests.objects import Context

GOLDEN = Path(__file__).parents[1] / "golden"
RELEASED_AS = {"lws": "lws", "kserve": "kserve", "llmisvc": "kserve", "kuberay": "kuberay"}
FILES = sorted(path for kind in RELEASED_AS for path in GOLDEN.glob(f"{kind}/*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_rendered_manifests_have_no_errors(path: Path) -> None:
    """The renderer and the rules agree on what a release accepts."""
    version = re.search(r"-(\d+\.\d+(\.\d+)?)$", path.stem)
    name = RELEASED_AS[path.parent.name]
    found = reading.read_manifests(path.read_bytes(), path.name)
    context = Context(versions={name: version[1]} if version else {})
    findings = (*found.findings, *judge.judge(found.objects, registry.load_platforms(), context))
    assert [f"{each.id} {each.path}: {each.message}" for each in findings if each.severity == "error"] == []
