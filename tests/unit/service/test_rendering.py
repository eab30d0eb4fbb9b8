from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from shardwright import errors, registry
from shardwright.core.recipe.model import Parallelism, Patch, PatchTarget
from shardwright.core.rules import Finding
from shardwright.service import deploying, rendering
from shardwright.targets.lws.target import TARGET
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.plugins import Manifest

CLAIM: dict[str, Any] = {"claim": "models", "storage_class": "nfs"}


def manifests(**overrides: object) -> tuple[Manifest, ...]:
    return rendering.render(builders.deployment(builders.recipe(**overrides)), TARGET)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_findings_of_severity_error_stop_rendering_all_at_once() -> None:
    """Every error is listed with its field, its rule and its cure; nothing is rendered."""
    with pytest.raises(errors.InputError) as caught:
        manifests(metadata={"name": "Llama_8"}, model={"source": "./folder"})
    assert "llama" in str(caught.value).lower()
    assert "metadata.name: 'Llama_8' is no DNS-1035 label [lws.name-invalid]" in str(caught.value)
    assert "[model.source-out-of-reach]\n    give hf://owner/name" in str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"pods": {"tolerations": ({"key": "gpu", "operater": "Exists"},)}}, "operater is no field of this kind"),
        ({"pods": {"affinity": {"nodeAfinity": {}}}}, 'did you mean "nodeAffinity"?'),
        ({"pods": {"security_context": {"runAsUsr": 1000}}}, 'did you mean "runAsUser"?'),
        ({"pods": {"security_context": {"runAsUser": "me"}}}, '"me" is not a whole number'),
    ],
)
def test_text_of_the_recipe_that_an_api_server_would_drop_stops_rendering(
    overrides: dict[str, Any], expected: str
) -> None:
    """A misspelt field inside what is carried as it is written would vanish on the cluster without an error."""
    with pytest.raises(errors.InputError) as caught:
        manifests(**overrides)
    assert expected in str(caught.value)
    assert "LeaderWorkerSet llama-3-8b: spec.leaderWorkerTemplate." in str(caught.value)


def test_a_patch_is_held_against_the_schema() -> None:
    """Patches come last, so they are looked at with all that they change."""
    patch = Patch(PatchTarget("Service"), {"spec": {"typ": "NodePort"}})
    with pytest.raises(errors.InputError, match=r'spec\.typ: typ is no field of this kind .*\n.*did you mean "type"'):
        manifests(target={"kind": "lws", "patches": (patch,)})


def test_remarks_are_the_findings_that_do_not_stop_rendering() -> None:
    """What must be there before the manifests are applied, and what was left out, is told and not kept back."""
    deployment = builders.deployment(builders.recipe(storage=CLAIM, expose={"kind": "ingress"}))
    told = {finding.id: finding for finding in rendering.remarks(deployment, TARGET)}
    assert told["secret.needed"].fix.startswith("kubectl create secret")
    assert told["expose.open"].severity == "warning"


def test_what_plan_and_target_both_find_is_told_once() -> None:
    """The same thing at the same field, in the words of the target; another thing there is kept."""
    field, value = "model.trustRemoteCode", "true"
    same = Finding("vllm.trust-remote-code", "warn", "warning", "engine's", path=field, value=value)
    other = Finding("vllm.something-else", "warn", "warning", "another", path=field, value=value)
    target = Finding("model.trust-remote-code", "warn", "warning", "target's", path=field, value=value)
    assert rendering.told_once((same, other), (target,)) == (other, target)


def test_every_first_line_names_the_recipe_that_was_rendered() -> None:
    """Also that of an InferenceService, which has no annotation of the digest as KServe copies those to its pods."""
    recipe = builders.recipe(storage=CLAIM, target={"kind": "kserve", "version": "0.20"})
    made = rendering.render(builders.deployment(recipe), registry.load_target("kserve"))
    text = rendering.as_stream(made)
    lines = {line for line in text.splitlines() if line.startswith("# Written by")}
    assert text.count("# Written by") == len(made)
    assert len(lines) == 1
    assert " from recipe sha256:" in lines.pop()


def test_out_without_a_name_is_not_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--out ''`, as an empty variable of a script gives it, writes nothing."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(errors.InputError, match="--out names no folder"):
        rendering.write_directory(manifests(storage=CLAIM), "")
    assert names(tmp_path) == []


def test_a_stream_begins_with_who_wrote_it_and_is_valid_yaml() -> None:
    """A stream can be piped on, and says for whom and from which recipe it was made."""
    text = rendering.as_stream(manifests(storage=CLAIM))
    assert text.startswith("# Written by Shardwright for demo/llama-3-8b from recipe sha256:000000000000. ")
    assert [body["kind"] for body in yaml.safe_load_all(text)] == [m.kind for m in manifests(storage=CLAIM)]


def test_files_are_named_in_the_order_of_their_application(tmp_path: Path) -> None:
    """`kubectl apply -f DIR` reads files by name; the folder is made if it is not there."""
    paths = rendering.write_directory(manifests(storage=CLAIM), tmp_path / "a" / "b")
    expected = ["10-persistentvolumeclaim.yaml", "20-job.yaml", "30-service.yaml", "40-leaderworkerset.yaml"]
    assert [path.name for path in paths] == names(tmp_path / "a" / "b") == expected
    assert yaml.safe_load(paths[3].read_text("utf-8")) == manifests(storage=CLAIM)[3].body


def test_what_deployments_share_is_written_once(tmp_path: Path) -> None:
    """Two groups render the same configuration: one file, which goes with the last of them."""
    target = registry.load_target("llmisvc")
    made = [
        rendering.render(builders.deployment(builders.recipe(metadata={"name": name, "namespace": "demo"})), target)
        for name in ("first", "second")
    ]
    rendering.write_directory([each for several in made for each in several], tmp_path)
    shared = [path for path in tmp_path.iterdir() if "llminferenceserviceconfig" in path.name]
    assert [
        path.read_text("utf-8").startswith("# Written by Shardwright for demo/first,demo/second") for path in shared
    ] == [True]
    assert sum("kind: LLMInferenceService\n" in path.read_text("utf-8") for path in tmp_path.iterdir()) == 2


def test_files_of_ours_that_are_stale_are_removed(tmp_path: Path) -> None:
    """What a recipe no longer asks for is not applied again; files of others stay."""
    (tmp_path / "kustomization.yaml").write_text("resources: []\n")
    rendering.write_directory(manifests(storage=CLAIM), tmp_path)
    rendering.write_directory(manifests(), tmp_path)
    assert names(tmp_path) == ["10-service.yaml", "20-leaderworkerset.yaml", "kustomization.yaml"]


@pytest.mark.parametrize("text", ["kind: Service\n", "", "# Written by hand\n", "\udcff\x00"])
def test_files_of_others_are_not_overwritten(tmp_path: Path, text: str) -> None:
    """A file without our first line stops everything, before anything is written."""
    (tmp_path / "20-leaderworkerset.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(errors.Conflict, match=r"20-leaderworkerset\.yaml was not written by Shardwright"):
        rendering.write_directory(manifests(), tmp_path)
    assert names(tmp_path) == ["20-leaderworkerset.yaml"]


def test_files_of_another_deployment_are_not_overwritten(tmp_path: Path) -> None:
    """Two recipes rendered into one folder one after the other would replace each other."""
    rendering.write_directory(manifests(metadata={"name": "other"}), tmp_path)
    with pytest.raises(errors.Conflict, match="was written for demo/other"):
        rendering.write_directory(manifests(), tmp_path)


def test_several_deployments_share_a_folder_when_rendered_together(tmp_path: Path) -> None:
    """Names stay in order beyond nine objects."""
    many = tuple(entry for name in "abcdef" for entry in manifests(metadata={"name": name}))
    paths = rendering.write_directory(many, tmp_path)
    assert [path.name for path in paths] == names(tmp_path)
    assert paths[0].name == "010-service.yaml"


def test_one_object_is_not_rendered_twice() -> None:
    """Two recipes that make one claim would undo each other at each apply."""
    both = manifests(storage=CLAIM) + manifests(metadata={"name": "other"}, storage=CLAIM)
    with pytest.raises(errors.InputError, match="PersistentVolumeClaim models is rendered twice"):
        rendering.as_stream(both)


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    """Rendering is free of time and chance, and leaves no temporary file."""
    first = {path: path.read_bytes() for path in rendering.write_directory(manifests(storage=CLAIM), tmp_path)}
    second = {path: path.read_bytes() for path in rendering.write_directory(manifests(storage=CLAIM), tmp_path)}
    assert first == second
    assert names(tmp_path) == [path.name for path in first]


def test_a_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    """The message names what is in the way."""
    (tmp_path / "out").write_text("")
    with pytest.raises(errors.InputError, match=re.escape(f"{tmp_path}/out is no folder")):
        rendering.write_directory(manifests(), tmp_path / "out")


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    """No permission ends in a fault of the machine with its cure."""
    tmp_path.chmod(0o500)
    folder = Path("/sys/shardwright") if os.geteuid() == 0 else tmp_path  # root may write everywhere else
    with pytest.raises(errors.EnvironmentFault, match=r"(writable folder|folder writable|writable file system)"):
        rendering.write_directory(manifests(), folder)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_and_nothing_is_replaced(tmp_path: Path) -> None:
    """What stood there before stays whole when there is no space for what is new."""
    paths = rendering.write_directory(manifests(), tmp_path)
    before = paths[0].read_bytes()
    (tmp_path / f".{paths[1].name}.{os.getpid()}.part").symlink_to("/dev/full")
    with pytest.raises(errors.EnvironmentFault, match="free some space"):
        rendering.write_directory(manifests(replicas=2, expose={"kind": "service"}), tmp_path)
    assert paths[0].read_bytes() == before
    assert names(tmp_path) == [path.name for path in paths]


KINDS = sorted(kind for kind, place in registry.TARGETS.items() if place)


@pytest.mark.requirement("R049")
@pytest.mark.requirement("R154")
@pytest.mark.parametrize("kind", KINDS)
def test_auto_renders_the_form_for_one_node_and_says_why(kind: str) -> None:
    """Where one node is enough nothing is rendered that spans nodes, on any target; the plan's reason is passed on."""
    target = registry.load_target(kind)
    asked = builders.recipe(target={"kind": kind}, parallelism="auto", storage=CLAIM)
    one = builders.plan(
        asked, layout=builders.layout(4, 1, nodes=1), reasons=("TP4 takes 4 GPUs, the fewest that fit.",)
    )
    deployment = deploying.deployment_of(one, target)
    assert deployment.worker is None
    told = {finding.id: finding for finding in rendering.remarks(deployment, target)}
    assert "the fewest that fit" in told["layout.one-node"].message
    text = rendering.as_json(target.render(deployment))
    assert not re.search(r"--nnodes|--node-rank|--headless|--dist-init-addr", text)


@pytest.mark.parametrize("parallelism", ["auto", Parallelism(tensor=1, pipeline=2)])
def test_the_form_for_one_node_is_named_only_where_auto_chose_it(parallelism: object) -> None:
    """A group of two nodes is none, and a pinned layout is the user's own choice."""
    nodes = 2 if parallelism == "auto" else 1
    made = builders.plan(builders.recipe(parallelism=parallelism), layout=builders.layout(1, 2, nodes=nodes))
    told = {finding.id for finding in rendering.remarks(builders.deployment(plan=made), TARGET)}
    assert "layout.one-node" not in told
