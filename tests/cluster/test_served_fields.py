"""What the server's own definitions say against manifests, told before anything is written, held against its dry run."""

from __future__ import annotations

import copy
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from check_stage import EXAMPLE, Stage, found, needs
from click.testing import CliRunner

from shardwright import errors
from shardwright.cli import main
from shardwright.core.preflight.needs import ObjectNeed
from shardwright.kubernetes.live import served_fields
from shardwright.testing.cluster import control_plane

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shardwright.testing.cluster.building import Programs

OLDER, NEWER = "target.version=0.8.0", "target.version=0.10"
POLICY = "spec.leaderWorkerTemplate.restartPolicy"


@pytest.fixture(scope="module")
def stage(programs: Programs, runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with control_plane.running(programs, runs) as plane, plane.api() as api:
        made = Stage(plane, api, tmp_path_factory.mktemp("fields"))
        made.furnish()
        yield made


def check(stage: Stage, *sets: str) -> tuple[int, list[dict[str, Any]]]:
    more = [part for each in sets for part in ("--set", each)]
    arguments = ["check", "-f", str(EXAMPLE), *more, "-o", "json", "--kubeconfig", str(stage.plane.kubeconfig)]
    result = CliRunner().invoke(main.cli, arguments)
    assert result.exit_code in {0, 4}, result.output
    return result.exit_code, json.loads(result.stdout)


@pytest.mark.requirement("R118")
def test_a_release_that_is_not_the_clusters_is_told_with_the_cure(stage: Stage) -> None:
    """The field, the value, what this cluster takes; and the very option that is named makes the check pass."""
    here = f"metadata.namespace={stage.namespace()}"
    code, findings = check(stage, here)
    (wrong,) = (each for each in findings if each["status"] == "fail")
    assert (code, wrong["id"], wrong["path"]) == (4, "cluster.fields", POLICY)
    assert wrong["value"] == '"RecreateGroupAfterStart"'
    assert "takes Default, RecreateGroupOnPodRestart, None" in wrong["message"]
    cure = re.match(r"--set (\S+): LeaderWorkerSet 0.8.0 runs", wrong["fix"])
    assert cure is not None
    assert check(stage, here, cure[1])[0] == 0


def test_whoever_has_no_right_is_told_too(stage: Stage) -> None:
    """Definitions are read by everybody who is known to the server; the operator that names the release is not."""
    namespace = stage.namespace()
    with stage.client(stage.as_account(namespace, "nobody")) as client:
        told = found(client, needs(namespace, NEWER))["fields"]
    assert (told.status, told.path) == ("fail", POLICY)
    assert "--set target.version=VERSION, one of 0.5, " in told.fix


def test_apply_says_it_before_the_refusal(stage: Stage) -> None:
    """Nothing is written, and what is told is the cure, not the server's words."""
    namespace = stage.namespace()
    sets = ["--set", f"metadata.namespace={namespace}", "--set", NEWER]
    config = ["--kubeconfig", str(stage.plane.kubeconfig)]
    result = CliRunner().invoke(main.cli, ["apply", "-f", str(EXAMPLE), *sets, "-y", *config])
    assert result.exit_code == 4, result.output
    assert "fix: --set target.version=0.8.0" in result.output
    assert not stage.api.items(f"/api/v1/namespaces/{namespace}/configmaps")


def changed(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """The body with a value at a path such as `a.b[0].c`."""
    at: Any = body
    *above, last = re.findall(r"[^.\[\]]+", path)
    for each in above:
        at = at[int(each) if each.isdigit() else each]
    at[last] = value
    return body


WORKER = "spec.leaderWorkerTemplate.workerTemplate"
CASES = [
    ("LeaderWorkerSet", POLICY, "Never"),
    ("LeaderWorkerSet", "spec.replica", 2),
    ("LeaderWorkerSet", "spec.replicas", "2"),
    ("LeaderWorkerSet", f"{WORKER}.spec.containers[0].imagePullpolicy", "Always"),
    ("LeaderWorkerSet", f"{WORKER}.spec.containers[0].ports", [{"name": "a"}]),
    ("LeaderWorkerSet", f"{WORKER}.metadata.label", {"a": "b"}),
    ("LeaderWorkerSet", f"{WORKER}.spec.containers[0].resources.limits", {"cpu": "much"}),
    ("LeaderWorkerSet", "metadata.labels", ["a"]),
    ("Service", "spec.port", 8080),
    ("Service", "spec.type", "Outside"),
    ("Service", "spec.ports", [{"name": "a"}]),
    ("Service", "spec.ports", 80),
    ("Job", "spec.template.spec.restartPolicy", 3),
]
"""Kind, path and a value that the server refuses there."""


@pytest.mark.parametrize(("kind", "path", "value"), CASES, ids=[f"{each[0]} {each[1]}" for each in CASES])
def test_what_the_server_refuses_is_told_at_its_field(stage: Stage, kind: str, path: str, value: object) -> None:
    """For each kind of misfit: told here at the field, and refused by the server's dry run; without it neither."""
    body = copy.deepcopy(dict(next(each for each in needs("default", OLDER).bodies if each["kind"] == kind)))
    with stage.client() as client:
        assert told(client, body) == []
        stage.api.create(body, dry_run=True)
        wrong = changed(body, path, value)
        (misfit,) = told(client, wrong)
        assert misfit.startswith(path)
        with pytest.raises(errors.TargetError):
            stage.api.create(wrong, dry_run=True)


def told(client: Any, body: dict[str, Any]) -> list[str]:  # noqa: ANN401 - of a stage
    wanted = ObjectNeed(body["apiVersion"], body["kind"], body["metadata"]["name"], body["metadata"]["namespace"])
    version = body["apiVersion"]
    path = f"/openapi/v3/{'apis/' if '/' in version else 'api/'}{version}"
    asked = served_fields.Asked("get", path)
    document = served_fields.document_of(client.request("GET", path, asked=asked).content)
    return [each.path for each in served_fields.misfits(document, wanted, body)]
