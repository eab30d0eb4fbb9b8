"""`render` in all its forms, as a user runs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from command_line import Call

EXAMPLE = Path(__file__).parents[3] / "examples" / "llama-3-8b-two-nodes.yaml"
RENDER = ("render", "-f", str(EXAMPLE))


def test_json_is_one_list_of_the_same_objects(shardwright: Call) -> None:
    """Both forms of standard output hold the same."""
    _, stream, _ = shardwright(*RENDER)
    code, listed, _ = shardwright(*RENDER, "-o", "json")
    assert code == 0
    assert json.loads(listed)["items"] == list(yaml.safe_load_all(stream))


@pytest.mark.parametrize(("form", "file"), [("kustomize", "kustomization.yaml"), ("helm", "values.yaml")])
def test_a_folder_is_written_in_the_form_that_was_asked_for(
    shardwright: Call, tmp_path: Path, form: str, file: str
) -> None:
    """Paths of what was written go to standard output, so that a script can add them to git."""
    code, out, _ = shardwright(*RENDER, "-o", form, "--out", str(tmp_path))
    assert code == 0
    assert sorted(out.split()) == sorted(str(path) for path in tmp_path.rglob("*.yaml"))
    assert (tmp_path / file).is_file()


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (("-o", "kustomize"), "give --out DIR"),
        (("-o", "helm"), "give --out DIR"),
        (("-o", "json", "--out", "x"), "leave --out away"),
        (("-o", "tar"), "is not one of"),
        (("--with", "everything"), "'prerequisites'"),
    ],
)
def test_forms_that_do_not_go_together_are_usage_errors(
    shardwright: Call, arguments: tuple[str, ...], cure: str
) -> None:
    """Nothing is planned or written before the command line is right."""
    code, out, err = shardwright(*RENDER, *arguments)
    assert code == 2
    assert out == ""
    assert cure in err


def test_prerequisites_are_comments_of_the_stream(shardwright: Call) -> None:
    """The stream can still be applied, and says first what must be there."""
    _, plain, _ = shardwright(*RENDER)
    _, told, _ = shardwright(*RENDER, "--with", "prerequisites")
    head = told.removesuffix(plain)
    assert head != told
    assert all(line.startswith("#") for line in head.splitlines())
    assert "kubectl apply --server-side -f https://github.com/kubernetes-sigs/lws/" in head


def test_prerequisites_are_a_script_beside_the_files(shardwright: Call, tmp_path: Path) -> None:
    """Written when asked for, and stale when not asked for any more."""
    shardwright(*RENDER, "--out", str(tmp_path), "--with", "prerequisites")
    script = (tmp_path / "prerequisites.sh").read_text("utf-8")
    assert "\nset -eu\n" in script
    assert "\nkubectl apply --server-side -f https://github.com/kubernetes-sigs/lws/" in script
    shardwright(*RENDER, "--out", str(tmp_path))
    assert not (tmp_path / "prerequisites.sh").exists()


def test_prerequisites_beside_json_go_to_the_terminal(shardwright: Call) -> None:
    """JSON has no comments; what is piped on stays JSON."""
    _, out, err = shardwright(*RENDER, "-o", "json", "--with", "prerequisites")
    assert json.loads(out)["kind"] == "List"
    assert "LeaderWorkerSet" in err


def test_a_plan_for_one_node_is_rendered_without_anything_to_install_but_gpus(shardwright: Call) -> None:
    """The target `kubernetes` needs no operator of its own."""
    one_node = ("--set", "target.kind=kubernetes", "--set", "parallelism=auto")
    code, out, err = shardwright(*RENDER, *one_node)
    assert code == 0
    assert [body["kind"] for body in yaml.safe_load_all(out)][-1] == "Deployment"
    assert "[layout.one-node]" in err


def test_a_plan_of_two_nodes_names_the_targets_for_it(shardwright: Call) -> None:
    """A refusal says where to go."""
    code, out, err = shardwright(*RENDER, "--set", "target.kind=kubernetes")
    assert code == 2
    assert out == ""
    assert "use target.kind: lws, kuberay or llmisvc" in err
