from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shardwright import errors
from shardwright.core.recipe.model import KeyRef, Parallelism
from shardwright.service import recipes

EXAMPLE = Path(__file__).parents[3] / "examples" / "llama-3-8b-two-nodes.yaml"


def text_of(name: str, *lines: str) -> str:
    head = ("apiVersion: shardwright.dev/v1", "kind: Recipe", f"metadata: {{name: {name}}}", "model: {source: llama}")
    return "\n".join([*head, *lines, ""])


def write(folder: Path, **files: str) -> str:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    return str(folder)


def faults_of(*paths: str, sets: tuple[str, ...] = ()) -> list[tuple[str, int, str]]:
    with pytest.raises(errors.RecipeError) as caught:
        recipes.load_recipes(paths, sets)
    return [(Path(fault.file).name, fault.line, fault.path) for fault in caught.value.faults]


def test_the_example_is_the_case_of_two_nodes() -> None:
    """The recipe of the README: pinned to one GPU on each of two nodes, its token in a Secret."""
    (loaded,) = recipes.load_recipes([str(EXAMPLE)])
    recipe = loaded.recipe
    assert (recipe.metadata.name, recipe.model.source) == ("llama-3-8b", "hf://meta-llama/Meta-Llama-3-8B-Instruct")
    assert recipe.model.token == KeyRef("hf-token", "token")
    assert recipe.parallelism == Parallelism(tensor=1, pipeline=2)
    assert (recipe.hardware.gpu, recipe.hardware.nodes, recipe.storage.claim) == ("A10G", 2, "models")
    assert recipe.target is not None
    assert recipe.target.kind == "lws"
    assert (loaded.file, loaded.line_of("hardware", "nodes") > loaded.line) == (str(EXAMPLE), True)


def test_a_folder_stands_for_its_files_in_order(tmp_path: Path) -> None:
    """All recipes of a folder, by name; hidden files, other files and folders below are not looked at."""
    write(tmp_path, b=text_of("b"), a=text_of("a") + "---\n" + text_of("c"), **{".hidden": "no: recipe"})
    (tmp_path / "d.json").write_text(
        '{"apiVersion":"shardwright.dev/v1","kind":"Recipe","metadata":{"name":"d"},"model":{"source":"x"}}'
    )
    (tmp_path / "notes.txt").write_text("not a recipe")
    (tmp_path / "deeper.yaml").mkdir()
    loaded = recipes.load_recipes([str(tmp_path)])
    assert [each.recipe.metadata.name for each in loaded] == ["a", "c", "b", "d"]
    assert [each.line for each in loaded] == [1, 6, 1, 1]


def test_options_hold_for_every_recipe_and_standard_input_is_one(tmp_path: Path) -> None:
    """`-f - -f DIR --set` does what it says."""
    write(tmp_path, a=text_of("a"))
    loaded = recipes.load_recipes(["-", str(tmp_path)], ["replicas=3"], stdin=io.BytesIO(text_of("b").encode()))
    assert [(each.recipe.metadata.name, each.recipe.replicas) for each in loaded] == [("b", 3), ("a", 3)]
    assert loaded[0].file == "standard input"


def test_the_same_path_twice_is_read_once(tmp_path: Path) -> None:
    """A repeated option is no conflict of names."""
    folder = write(tmp_path, a=text_of("a"))
    assert len(recipes.load_recipes([folder, folder])) == 1


def test_faults_of_all_files_come_together(tmp_path: Path) -> None:
    """One run shows everything there is to mend, and what could not be read at all."""
    write(tmp_path, a=text_of("a", "replicas: x"), b="kind: [", c="", d=text_of("d", "---", "hello"))
    (tmp_path / "e.yaml").write_bytes(b"a: 1\nb: \xff\n")
    found = faults_of(str(tmp_path), str(tmp_path / "none.yaml"), sets=("hardware.nodes=0", "oops"))
    assert found == [
        ("none.yaml", 0, ""),
        ("e.yaml", 2, ""),
        ("c.yaml", 1, ""),
        ("--set", 0, ""),
        ("a.yaml", 5, "replicas"),
        ("b.yaml", 1, ""),
        ("d.yaml", 6, ""),
    ]


def test_a_fault_of_an_option_is_said_once(tmp_path: Path) -> None:
    """Ten recipes and one wrong option are one fault."""
    folder = write(tmp_path, a=text_of("a"), b=text_of("b"))
    assert faults_of(folder, sets=("replicas=x",)) == [("--set", 0, "replicas")]


def test_two_recipes_of_one_name_are_a_fault(tmp_path: Path) -> None:
    """One would silently replace the other; another namespace is another deployment."""
    folder = write(tmp_path, a=text_of("same"), b=text_of("same"))
    assert faults_of(folder) == [("b.yaml", 3, "metadata.name")]
    other = text_of("same").replace("{name: same}", "{name: same, namespace: other}")
    assert len(recipes.load_recipes([write(tmp_path, b=other)])) == 2


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    """Weights given by mistake end in a sentence, not in gigabytes of memory."""
    path = tmp_path / "big.yaml"
    path.write_bytes(b"#" * (recipes.MAX_BYTES + 1))
    assert faults_of(str(path)) == [("big.yaml", 1, "")]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none.yaml", "none.yaml: there is no such file"),
        ("file.yaml/inside", "inside: it cannot be read: Not a directory"),
        ("empty", "empty: there is no recipe in this folder; recipes end in .json, .yaml, .yml"),
        ("x" * 300, "it cannot be read: File name too long"),
        ("a\0b", "it cannot be read: embedded null byte"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path: Path, name: str, said: str) -> None:
    """A wrong path is an error of the input, with the path and the reason."""
    (tmp_path / "empty").mkdir()
    write(tmp_path, file="")
    with pytest.raises(errors.InputError) as caught:
        recipes.load_recipes([str(tmp_path / name)])
    assert not isinstance(caught.value, errors.RecipeError)
    assert said in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_says_so(tmp_path: Path) -> None:
    """The cure is named."""
    folder = write(tmp_path, a=text_of("a"))
    (tmp_path / "a.yaml").chmod(0)
    with pytest.raises(errors.InputError, match="make it readable"):
        recipes.load_recipes([folder])


def test_no_path_at_all_is_an_error() -> None:
    """An empty list of recipes is never a success."""
    with pytest.raises(errors.InputError, match="no recipe was named"):
        recipes.load_recipes([])


def test_parse_recipes_names_the_source_it_was_given() -> None:
    """Short forms of the command line have their own name in messages."""
    with pytest.raises(errors.RecipeError, match=r"the command line:5: replicas"):
        recipes.parse_recipes(text_of("a", "replicas: x"), "the command line")


def test_values_are_read_like_a_file() -> None:
    """What is put together in memory gets the same defaults, options and faults, with no line to point at."""
    values = {"apiVersion": "shardwright.dev/v1", "kind": "Recipe", "metadata": {"name": "a"}, "model": {"source": "b"}}
    assert recipes.recipe_of_values(values, "the command line", ["replicas=2"]).recipe.replicas == 2
    with pytest.raises(errors.RecipeError) as caught:
        recipes.recipe_of_values({**values, "hardware": {"nodes": 0}}, "the command line", ["replicas=x"])
    assert [str(fault).partition(" is not")[0] for fault in caught.value.faults] == [
        "the command line: hardware.nodes: 0",
        '--set: replicas: "x"',
    ]


def test_the_command_line_needs_no_yaml() -> None:
    """A plan of a model named on the command line does not wait for the YAML library to load."""
    code = (
        "import sys; from shardwright.service import recipes;"
        "recipes.recipe_of_values({'apiVersion': 'shardwright.dev/v1', 'kind': 'Recipe', 'metadata': {'name': 'a'},"
        " 'model': {'source': 'b'}}, 'f'); sys.exit('yaml' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_file_without_a_name_is_not_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-f ''`, as an empty variable of a script gives it, reads nothing."""
    write(tmp_path, a=text_of("a"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.InputError, match="-f names no file"):
        recipes.load_recipes([""])


def test_a_fault_found_later_is_placed_where_its_field_is_written(tmp_path: Path) -> None:
    """Faults of the engine's flags name file and line too, or the option that set the flag."""
    folder = write(tmp_path, a=text_of("a", "engine:", "  args:", "    foo: 1"))
    later = errors.Fault("it does not exist", "engine.args.foo", "a", 0)
    (loaded,) = recipes.load_recipes([folder])
    assert str(loaded.placed(later)) == f"{folder}/a.yaml:7: engine.args.foo: it does not exist"
    (changed,) = recipes.load_recipes([folder], ["engine.args.foo=2"])
    assert str(changed.placed(later)) == "--set: engine.args.foo: it does not exist"
