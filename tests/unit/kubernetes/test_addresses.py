"""Where objects are on a server, and what is said where nothing answers behind it."""

from __future__ import annotations

import pytest

from shardwright import errors
from shardwright.kubernetes.client import refusals
from shardwright.kubernetes.client.kinds import ApiKind
from shardwright.kubernetes.client.refusals import Asked
from shardwright.service import reaching
from shardwright.service.reaching import Answer

SET = ApiKind("apps", "v1", "StatefulSet", "statefulsets", is_namespaced=True, verbs=("get",))


@pytest.mark.parametrize("name", ["../secrets/x", "a/b", "..", ".", "a" * 300])
def test_a_name_leads_nowhere_else(name: str) -> None:
    """`lws/../x` and a name too long are told before anything is asked."""
    for namespace, own in (("demo", name), (name, "llama")):
        with pytest.raises(errors.InputError, match="is no name of an object") as refused:
            SET.path(namespace, own)
        assert len(refused.value.message) < 150
    assert SET.path("demo", "system:a.b-c") == "/apis/apps/v1/namespaces/demo/statefulsets/system:a.b-c"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("error trying to reach service: dial tcp: connection refused", "shardwright status"),
        ('no endpoints available for service "llama-api:8080"', "shardwright status"),
        ("etcdserver: leader changed", "/readyz"),
    ],
)
def test_what_does_not_answer_behind_the_server_is_no_trouble_of_its_own(said: str, hint: str) -> None:
    """Its proxy says 503 of pods that are not up."""
    refused = refusals.refusal_of(Asked("get", "services/proxy", "llama-api", "demo"), 503, {"message": said}, {})
    assert hint in refused.hint


def test_a_key_that_is_not_accepted_is_told_as_that() -> None:
    """Whoever gave one is not asked to give one."""
    hint = reaching.refused(Answer(401, '{"error": "Unauthorized"}'), "/v1/models").hint
    assert "--key-from VARIABLE" in hint
    assert "is not accepted" in hint
