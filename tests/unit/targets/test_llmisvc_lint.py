"""Each rule of LLMInferenceService on a manifest that breaks it, and none on sound ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from manifest_changes import as_object, changed

from shardwright.core.manifests.judge import judge
from shardwright.core.manifests.objects import Context
from shardwright.targets.llmisvc import workloads
from shardwright.targets.llmisvc.lint import LINT

if TYPE_CHECKING:
    from shardwright.core.rules import Finding

SERVICE: dict[str, Any] = {
    "apiVersion": "serving.kserve.io/v1alpha2",
    "kind": "LLMInferenceService",
    "metadata": {"name": "llama", "namespace": "demo", "annotations": {}},
    "spec": {"model": {"uri": "hf://meta-llama/Llama-3.3-70B-Instruct"}, "router": {"route": {}, "gateway": {}}},
}
CONFIG: dict[str, Any] = {
    "apiVersion": "serving.kserve.io/v1alpha2",
    "kind": "LLMInferenceServiceConfig",
    "metadata": {"name": "base", "namespace": "demo"},
    "spec": {
        "model": {"uri": "hf://meta-llama/Llama-3.3-70B-Instruct", "name": "{{ .Spec.Model.Name }}"},
        "template": {
            "containers": [
                {"name": "main", "args": ["{{- if .Spec.Prefill }}--x{{ end }}", "{{ ChildName .Name `-a` }}"]}
            ]
        },
    },
}
DRA = "metadata.annotations.serving~kserve~io/exp-dra-"
SCALED: dict[str, Any] = {"maxReplicas": 5, "wva": {"hpa": {}}}
KEDA: dict[str, Any] = {"maxReplicas": 5, "wva": {"keda": {}}}
TIER: dict[str, Any] = {"cpu": "10Gi", "secondary": [{"fileSystem": {"emptyDir": {"size": "10Gi"}}}]}
WIDE: dict[str, Any] = {"spec.worker": {}, "spec.parallelism": {"pipeline": 2}}
TOKEN = [{"name": "HF_TOKEN", "value": "hf_" + "aB3" * 10}]
MOUNT = [{"name": "cache", "mountPath": "/cache"}]
PICKER: dict[str, Any] = {"targetPorts": [{"number": 8000}], "selector": {}, "endpointPickerRef": {"name": "epp"}}
ADAPTERS = "spec.model.lora.adapters"
ROUTE, HTTP = "spec.router.route", "spec.router.route.http"
REDIRECT: dict[str, Any] = {"type": "RequestRedirect", "requestRedirect": {"port": 8443}}
POOL: dict[str, Any] = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "llama"}
PREFIX = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
REWRITE: dict[str, Any] = {"type": "URLRewrite", "urlRewrite": {"path": PREFIX}}
EXACT: dict[str, Any] = {"path": {"type": "Exact", "value": "/v1"}}
ROUTE_RULE: dict[str, Any] = {
    "matches": [{"path": {"type": "PathPrefix", "value": "/demo/llama"}}],
    "filters": [REWRITE],
    "backendRefs": [POOL],
}
MINE: dict[str, Any] = {"refs": [{"name": "mine"}]}

BROKEN: list[tuple[str, dict[str, Any], dict[str, object]]] = [
    ("kserve.llm-parallelism", SERVICE, {"spec.worker": {}}),
    ("kserve.llm-parallelism", SERVICE, {"spec.worker": {}, "spec.parallelism": {"tensor": 4}}),
    ("kserve.llm-parallelism", SERVICE, {"spec.parallelism": {"pipeline": 2, "data": 2, "dataLocal": 1}}),
    ("kserve.llm-parallelism", SERVICE, {"spec.prefill": {"parallelism": {"data": 2}}}),
    ("kserve.llm-scheduler-replicas", SERVICE, {"spec.router.scheduler": {"replicas": 0}}),
    ("kserve.llm-scheduler-replicas", CONFIG, {"spec.router": {"scheduler": {"replicas": 0}}}),
    ("kserve.llm-config-base", CONFIG, {"spec.baseRefs": [{"name": "other"}]}),
    ("kserve.llm-scaling", SERVICE, {"spec.replicas": 1, "spec.scaling": SCALED}),
    ("kserve.llm-scaling", SERVICE, {"spec.scaling": {**SCALED, "minReplicas": 6}}),
    ("kserve.llm-scaling", CONFIG, {"spec.scaling": {"maxReplicas": 5, "wva": {}}}),
    ("kserve.llm-keda", SERVICE, {"spec.scaling": {"maxReplicas": 5, "wva": {"keda": {"idleReplicaCount": 1}}}}),
    ("kserve.llm-keda", SERVICE, {"spec.scaling": {"maxReplicas": 5, "wva": {"keda": {"advanced": {}}}}}),
    ("kserve.llm-same-actuator", SERVICE, {"spec.scaling": SCALED, "spec.prefill": {"scaling": KEDA}}),
    ("kserve.llm-uri", SERVICE, {"spec.model.uri": "meta-llama/Llama-3.3-70B-Instruct"}),
    ("kserve.llm-uri", SERVICE, {"spec.model.uri": "gs://bucket/llama"}),
    ("kserve.llm-adapters", SERVICE, {ADAPTERS: [{"name": "llama", "uri": "hf://a/b"}]}),
    ("kserve.llm-adapters", SERVICE, {ADAPTERS: [{"name": "a", "uri": "hf://a/b"}, {"name": "a", "uri": "hf://a/c"}]}),
    ("kserve.llm-adapter-uri", SERVICE, {ADAPTERS: [{"name": "a", "uri": "oci://a/b"}]}),
    ("kserve.llm-confidential", SERVICE, {"spec.model.confidential": {"enabled": True, "resourceId": "kbs://a"}}),
    ("kserve.llm-confidential-unused", SERVICE, {"spec.model.uri": "pvc://a/b", "spec.model.confidential": {"enabled": True}}),
    ("kserve.llm-offloading", SERVICE, {"spec.kvCacheOffloading": {**TIER, "cpu": "0"}}),
    ("kserve.llm-offloading", SERVICE, {"spec.prefill": {"kvCacheOffloading": {**TIER, "secondary": [{}]}}}),
    ("kserve.llm-offloading", SERVICE, {"spec.kvCacheOffloading": {**TIER, "secondary": [{"fileSystem": {"pvc": {}}}]}}),
    ("kserve.llm-route", SERVICE, {HTTP: {**MINE, "spec": {}}}),
    ("kserve.llm-route", SERVICE, {HTTP: MINE}),
    ("kserve.llm-route", SERVICE, {HTTP: {"spec": {"parentRefs": [{"name": "a"}]}}, "spec.router.gateway.refs": [{"name": "b", "namespace": "c"}]}),
    ("kserve.llm-http-route", SERVICE, {f"{HTTP}.spec.rules": [{"matches": [{"path": {"type": "Exact", "value": "v1//x"}}]}]}),
    ("kserve.llm-http-route", SERVICE, {f"{HTTP}.spec.rules": [{"matches": [{"path": {"type": "Exact", "value": "/v1//x"}}]}]}),
    ("kserve.llm-http-route", SERVICE, {f"{HTTP}.spec.rules": [{"backendRefs": [{"name": "epp"}]}]}),
    ("kserve.llm-http-route", SERVICE, {f"{HTTP}.spec.rules": [{"filters": [{"type": "CORS", "urlRewrite": {}}]}]}),
    ("kserve.llm-http-route", SERVICE, {f"{HTTP}.spec.rules": [{"filters": [REDIRECT], "backendRefs": [POOL]}]}),
    ("kserve.llm-http-route", SERVICE, {f"{HTTP}.spec.rules": [{"filters": [REDIRECT, REDIRECT]}]}),
    ("kserve.llm-http-route", SERVICE, {f"{HTTP}.spec.rules": [{"filters": [REWRITE], "matches": [EXACT]}]}),
    ("kserve.llm-scheduler-config", SERVICE, {"spec.router.scheduler": {"config": {}}}),
    ("kserve.llm-scheduler-config", SERVICE, {"spec.router.scheduler": {"config": {"inline": {}}}}),
    ("kserve.llm-traffic", SERVICE, {ROUTE: {"weight": 1}}),
    ("kserve.llm-traffic", SERVICE, {ROUTE: {"weight": 1, "group": "a", "http": MINE}}),
    ("kserve.llm-pool", SERVICE, {"spec.router.scheduler": {"pool": {"spec": PICKER}}}),
    ("kserve.llm-devices", SERVICE, {DRA + "device-count": "2"}),
    ("kserve.llm-devices", SERVICE, {DRA + "device-class": "GPU"}),
    ("kserve.llm-template", CONFIG, {"spec.template.containers.0.args": ["{{ .Spec.Modell.Name }}"]}),
    ("kserve.llm-template", CONFIG, {"spec.template.containers.0.args": ["{{ .GlobalConfig.Nothing }}"]}),
    ("kserve.llm-template", CONFIG, {"spec.template.containers.0.args": ["{{ upper .Name }}"]}),
    ("kserve.llm-template", CONFIG, {"spec.template.containers.0.args": ["{{ .Name"]}),
    ("kserve.llm-size-ignored", SERVICE, {"spec.parallelism": {"pipeline": 2}}),
    ("kserve.llm-preset", SERVICE, WIDE),
    ("kserve.llm-remainder", SERVICE, {"spec.worker": {}, "spec.parallelism": {"data": 10, "dataLocal": 4}}),
    ("kserve.llm-gpus", SERVICE, {"spec.parallelism": {"tensor": 4}, "spec.template": {"containers": [{"name": "main", "resources": {"limits": {"nvidia.com/gpu": "2"}}}]}}),
    ("kserve.llm-ready", SERVICE, WIDE),
    ("kserve.llm-base", SERVICE, {"spec.baseRefs": [{"name": "nowhere"}]}),
    ("kserve.llm-literal-token", SERVICE, {"spec.template": {"containers": [{"name": "main", "env": TOKEN}]}}),
    ("kserve.llm-toleration", SERVICE, {"spec.template": {"tolerations": [{"key": "nvidia.com/gpu"}]}}),
    ("kserve.llm-shared-memory", SERVICE, {"spec.template": {"containers": [{"name": "main", "volumeMounts": MOUNT}]}}),
]  # fmt: skip


def findings(body: dict[str, Any], *, version: str = "0.20", old: dict[str, Any] | None = None) -> tuple[Finding, ...]:
    context = Context(versions={"kserve": version})
    return judge([as_object(body)], [LINT], context, [as_object(old)] if old else [])


@pytest.mark.parametrize(("rule", "body", "changes"), BROKEN, ids=[f"{n}-{c[0]}" for n, c in enumerate(BROKEN)])
def test_broken(rule: str, body: dict[str, Any], changes: dict[str, object]) -> None:
    """A manifest that breaks a rule is found, with a reason, a fix and a path."""
    found = [each for each in findings(changed(body, changes)) if each.id == rule]
    assert found
    assert all(each.message and each.why and each.fix and each.path for each in found)


def test_every_rule_has_a_case() -> None:
    """No rule is without a manifest that breaks it."""
    assert {rule.id for rule in LINT.rules if rule.id.startswith("kserve.")} == {rule for rule, _, _ in BROKEN} | {
        "kserve.llm-size-change"
    }


def test_sound_ones_pass() -> None:
    """Nothing is said of a service and a config that are as they should be, in both API versions."""
    for body in (SERVICE, CONFIG, changed(SERVICE, {"apiVersion": "serving.kserve.io/v1alpha1"})):
        assert findings(body) == ()
    assert findings(changed(SERVICE, {"spec.kvCacheOffloading": TIER, "spec.scaling": SCALED})) == ()
    assert findings(changed(SERVICE, {f"{HTTP}.spec.rules": [ROUTE_RULE]})) == ()


def test_fields_of_one_api_version() -> None:
    """The cache beyond GPU memory exists in v1alpha2 from 0.20 on only; elsewhere it is dropped."""
    body = changed(SERVICE, {"spec.kvCacheOffloading": TIER})
    assert {each.id for each in findings(body, version="0.19")} == {"kserve.unknown-field"}
    older = changed(body, {"apiVersion": "serving.kserve.io/v1alpha1"})
    assert {each.id for each in findings(older)} == {"kserve.unknown-field"}


def test_kinds_by_release() -> None:
    """LLMInferenceService came with 0.16, and its v1alpha2 with 0.17."""
    assert {each.id for each in findings(SERVICE, version="0.16")} == {"manifest.kind-unknown"}
    older = changed(SERVICE, {"apiVersion": "serving.kserve.io/v1alpha1"})
    assert findings(older, version="0.16") == ()
    assert {each.id for each in findings(older, version="0.15")} == {"manifest.kind-unknown"}


def test_the_size_of_a_group_stays() -> None:
    """Sizes may change as long as the number of pods stays; an object being deleted is not asked."""
    before = changed(SERVICE, {"spec.worker": {}, "spec.parallelism": {"data": 8, "dataLocal": 4}})
    same = changed(before, {"spec.parallelism": {"data": 16, "dataLocal": 8}})
    other = changed(before, {"spec.parallelism": {"data": 16, "dataLocal": 4}})
    assert "kserve.llm-size-change" not in {each.id for each in findings(same, old=before)}
    assert "kserve.llm-size-change" in {each.id for each in findings(other, old=before)}
    going = changed(other, {"metadata.deletionTimestamp": "2026-11-21T00:00:00Z"})
    assert "kserve.llm-size-change" not in {each.id for each in findings(going, old=before)}


@pytest.mark.parametrize(
    ("sizes", "pods"),
    [({}, 1), ({"pipeline": 3}, 3), ({"data": 10, "dataLocal": 4}, 2), ({"data": 2, "dataLocal": 8}, 1)],
)
def test_pods_of_a_group(sizes: dict[str, int], pods: int) -> None:
    """The division drops the remainder, and a group has one pod at least."""
    made = as_object(changed(SERVICE, {"spec.parallelism": sizes}))
    assert workloads.group_size(made, ("spec",)) == pods
