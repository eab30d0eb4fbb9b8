"""A secret that stands in clear text is neither carried nor shown; the recipe names a Secret that has to be made."""

from __future__ import annotations

import json

import pytest
from import_cases import DEPLOYMENT, SGLANG, group, ids, imported

from shardwright.cli import import_view

TOKEN = "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYz"
REFERENCE = "valueFrom: {secretKeyRef: {name: hf-token-secret, key: token}}"


def everything(text: str, *, keeps: bool) -> str:
    result = imported(text, gpu="L40S", keeps_differences=keeps)
    return json.dumps(import_view.as_data(result)) + import_view.text(result)


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize(
    "text",
    [
        group("lmsysorg/sglang:v0.5.6.post2", "[sglang, serve, a/b]", "[sglang, serve, a/b]", TOKEN),
        DEPLOYMENT.replace(REFERENCE, f"value: {TOKEN}"),
        DEPLOYMENT.replace("--trust-remote-code", f"--hf-token {TOKEN}"),
        DEPLOYMENT.replace("--trust-remote-code", f"--api-key {TOKEN}"),
        DEPLOYMENT.replace("--trust-remote-code", f"--max-model-len {TOKEN}"),
        DEPLOYMENT.replace("--trust-remote-code", f"--no-such-flag {TOKEN}"),
        DEPLOYMENT.replace("{app: mistral}", f"{{app: mistral, owner: {TOKEN}}}"),
        DEPLOYMENT.replace("name: cache", f"name: {TOKEN}"),
    ],
    ids=["group", "variable", "flag", "api-key", "wrong-value", "unknown-flag", "label", "name"],
)
def test_a_token_is_nowhere_in_what_comes_out(text: str, *, keeps: bool) -> None:
    """Not in the recipe, its patches, the notes, the differences."""
    assert TOKEN not in everything(text, keeps=keeps)


def test_a_token_becomes_a_reference_with_the_step_that_makes_it() -> None:
    """The note has the line for kubectl."""
    result = imported(SGLANG, gpu="L40S")
    assert result.document["model"]["token"] == {"secret": "chat-hub-token", "key": "token"}
    (said,) = [each for each in result.findings if each.id == "import.secret-in-clear"]
    assert "kubectl create secret generic chat-hub-token -n default --from-literal=token=VALUE" in said.fix


def test_other_secrets_become_keys_of_one_secret() -> None:
    """A variable with a secret's name keeps its place, by reference."""
    text = DEPLOYMENT.replace("HUGGING_FACE_HUB_TOKEN", "S3_SECRET_KEY").replace(REFERENCE, "value: abc123")
    result = imported(text, gpu="L40S")
    assert result.document["engine"]["env"] == {
        "S3_SECRET_KEY": {"secret": "mistral-variables", "key": "S3_SECRET_KEY"}
    }
    assert "import.secret-in-clear" in ids(result)
    assert "abc123" not in import_view.text(result)


def test_a_key_by_variable_is_the_same_key() -> None:
    """`--api-key $(NAME)` refers to a variable, which refers to a Secret."""
    text = DEPLOYMENT.replace("--trust-remote-code", "--api-key $(CHAT_KEY)").replace(
        "HUGGING_FACE_HUB_TOKEN", "CHAT_KEY"
    )
    result = imported(text, gpu="L40S")
    assert result.document["expose"]["auth"]["apiKey"] == {"secret": "hf-token-secret", "key": "token"}
    assert "env" not in result.document["engine"]
