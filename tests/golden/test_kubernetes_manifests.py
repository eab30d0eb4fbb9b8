"""Manifests of the target `kubernetes` as users get them, word for word.

After an intended change: `SHARDWRIGHT_UPDATE_GOLDEN=1 .venv/bin/pytest tests/golden`, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shardwright.formats import helm, kustomize
from shardwright.service import rendering
from shardwright.service.deploying import deployment_of
from shardwright.targets.kubernetes_plain.target import TARGET
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.plugins import Manifest

FOLDER = Path(__file__).parent / "kubernetes"


def one_gpu() -> tuple[Manifest, ...]:
    """Llama-3-8B on one A10G behind an Ingress, the model in a claim of ours, started as vLLM 0.24.0 is."""
    asked = builders.recipe(
        target={"kind": "kubernetes", "version": "1.34"},
        storage={"claim": "models", "size": 50 * 2**30},
        expose={"kind": "ingress", "host": "llm.example.org"},
        parallelism={"pipeline": 1},
        hardware={"nodes": 1},
    )
    plan = builders.plan(asked, layout=builders.layout(1, 1, nodes=1))
    return rendering.render(deployment_of(plan, TARGET), TARGET)


TEXTS = {
    "one-gpu.yaml": lambda: rendering.as_stream(one_gpu()),
    "one-gpu.kustomize.txt": lambda: "".join(f"== {f.path}\n{f.text}" for f in kustomize.kustomize_files(one_gpu())),
    "one-gpu.helm.txt": lambda: "".join(f"== {f.path}\n{f.text}" for f in helm.helm_files(one_gpu())),
}


@pytest.mark.parametrize("name", TEXTS)
def test_manifests_are_as_before(name: str) -> None:
    """What is rendered changes only when we mean it to."""
    path, text = FOLDER / name, TEXTS[name]()
    if os.environ.get("SHARDWRIGHT_UPDATE_GOLDEN"):
        path.write_text(text, "utf-8")
        pytest.skip("written anew")
    assert text == path.read_text("utf-8")
