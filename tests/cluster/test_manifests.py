"""Every rendered manifest against a real API server with the definitions of the release that it is rendered for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from crd_releases import NotAtHandError, release_for, release_tags
from rendered_cases import CASES, EXAMPLES, KINDS, VARIANTS, Case, manifests_of, versions
from rendered_here import applicable

from shardwright import errors
from shardwright.testing.cluster import pins

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cluster_servers import Servers
    from cluster_tally import Tally

    from shardwright.core.plugins import Manifest
    from shardwright.testing.cluster.api import Api

LWS = "leaderworkerset.x-k8s.io"
# Mappings whose keys are not fields.
NAMED_BY_USERS = (".annotations", ".labels", ".limits", ".requests", ".nodeSelector", ".matchLabels", ".selector")
# The kinds of the local target are read by this project alone.
KUBERNETES_KINDS = [kind for kind in KINDS if kind != "local"]


def server_for(servers: Servers, case: Case, manifest: Manifest) -> Api:
    """A server that knows the manifest's kind as the case's release has it; NotAtHandError if that cannot be."""
    group = str(manifest.body["apiVersion"]).rpartition("/")[0]
    is_built_in = pins.load_pins().project_of(group) is None and (not group or servers.any().has(f"/apis/{group}"))
    return servers.any() if is_built_in else servers.knowing(release_for(case.kind, case.version, group), manifest.kind)


def put_namespace(api: Api, manifest: Manifest) -> None:
    """Have the manifest's namespace: the server refuses objects of one that is not there."""
    name = cast("dict[str, str]", manifest.body["metadata"]).get("namespace", "default")
    if not api.has(f"/api/v1/namespaces/{name}"):
        api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


def rendered(case: Case) -> tuple[Manifest, ...]:
    try:
        return manifests_of(case)
    except errors.InputError as refusal:
        pytest.skip(f"not rendered: {refusal.message}")


@pytest.mark.parametrize("case", [case for case in CASES if case.kind in KUBERNETES_KINDS], ids=str)
def test_a_rendered_manifest_is_accepted_by_the_api_server(case: Case, servers: Servers, tally: Tally) -> None:
    """No field is refused or dropped, no value is out of range, and `check` says so of the server's definitions."""
    missing: list[str] = []
    for manifest in rendered(case):
        try:
            api = server_for(servers, case, manifest)
        except NotAtHandError as reason:
            missing.append(f"{manifest.kind}: {reason}")
            continue
        put_namespace(api, manifest)
        made = api.create(manifest.body, dry_run=True)
        assert made["metadata"]["name"] == manifest.name
        assert servers.misfits(manifest) == []
        tally.accepted[f"{case.kind} {manifest.kind}"] += 1
    tally.not_validated.update(missing)
    if missing:
        pytest.skip(f"not validated: {'; '.join(missing)}")


@pytest.mark.parametrize("kind", KUBERNETES_KINDS)
def test_every_target_renders_some_of_the_recipes(kind: str) -> None:
    """A target that refuses all recipes would be validated by nothing."""
    of_this = [case for case in CASES if case.kind == kind and case.variant in {"as written", "one node"}]
    refused: list[str] = []
    for case in of_this:
        try:
            assert manifests_of(case)
        except errors.InputError as refusal:
            refused.append(f"{case}: {refusal.message}")
    assert len(refused) < len(of_this), refused


def lws(version: str, **changed: object) -> dict[str, Any]:
    """A rendered set, with fields of its spec replaced."""
    body = applicable("lws", version, "default")[-1]
    cast("dict[str, object]", body["spec"]).update(changed)
    return body


@pytest.mark.skipif(not release_tags("lws"), reason="needs the definitions of more than one release")
@pytest.mark.requirement("R126")
def test_each_release_judges_by_its_own_definition(servers: Servers) -> None:
    """The restart policy that 0.9 brought is accepted by 0.9 and refused by 0.8."""
    body = lws("0.9")
    newer = servers.knowing(release_for("lws", "0.9", LWS), "LeaderWorkerSet")
    newer.create(body, dry_run=True)
    older = servers.knowing(release_for("lws", "0.8", LWS), "LeaderWorkerSet")
    with pytest.raises(errors.TargetError, match=r"restartPolicy: Unsupported value"):
        older.create(body, dry_run=True)


def test_unknown_fields_and_wrong_values_are_refused(servers: Servers) -> None:
    """The check has teeth: a misspelt field, deep or not, and a wrong type are refused, in definitions and built-in kinds."""
    body = lws("0.8")
    api = servers.knowing(release_for("lws", "0.8", LWS), "LeaderWorkerSet")
    with pytest.raises(errors.TargetError, match=r'unknown field "spec.replica"'):
        api.create(lws("0.8", replica=1), dry_run=True)
    with pytest.raises(errors.TargetError, match=r"spec.replicas.*must be of type integer"):
        api.create(lws("0.8", replicas="2"), dry_run=True)
    body["spec"]["leaderWorkerTemplate"]["workerTemplate"]["spec"]["containers"][0]["imagePullpolicy"] = "Always"
    with pytest.raises(errors.TargetError, match=r"unknown field .*imagePullpolicy"):
        api.create(body, dry_run=True)
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"port": [{"port": 80}]}}
    with pytest.raises(errors.TargetError, match=r'unknown field "spec.port"'):
        api.create(service, dry_run=True)


def fields_of(case: Case) -> set[tuple[str, str]]:
    """Kinds and paths of all fields; nothing where it is not rendered."""
    try:
        manifests = manifests_of(case)
    except errors.InputError:
        return set()
    return {(manifest.kind, path) for manifest in manifests for path in paths(manifest.body)}


def paths(node: object, above: str = "") -> Iterator[str]:
    if isinstance(node, dict):
        for name, value in cast("dict[str, object]", node).items():
            yield from paths(value, f"{above}.{'*' if above.endswith(NAMED_BY_USERS) else name}")
    elif isinstance(node, list | tuple):
        for value in cast("list[object]", node):
            yield from paths(value, f"{above}[]")
    else:
        yield above


@pytest.mark.soak
@pytest.mark.parametrize("kind", KUBERNETES_KINDS)
def test_the_chosen_cases_bring_every_field_that_all_of_them_bring(kind: str) -> None:
    """A release meets each field that any variant of any example has, although not each pair of the two is tried."""
    for version in versions(kind):
        every = [Case(kind, version, variant, (example,)) for variant in VARIANTS for example in EXAMPLES]
        chosen = [case for case in CASES if (case.kind, case.version) == (kind, version)]
        missing = set[tuple[str, str]]().union(*map(fields_of, every)) - set().union(*map(fields_of, chosen))
        assert not missing, f"{kind} {version}"
