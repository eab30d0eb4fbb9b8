"""Models on the hub, with the hub's real library and a local server: every way in which it may not answer."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hub_server import Answer, Hub, running_hub

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Ask = Callable[..., dict[str, Any]]
LLAMA = "meta-llama/Meta-Llama-3-8B"
REPOSITORY = "someone/tiny"
TOKEN = "hf_" + "secret" * 5
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "dtype": "bfloat16",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "vocab_size": 96,
    "max_position_embeddings": 256,
}
MATRICES = {
    "model.embed_tokens": (96, 64),
    "model.layers.0.self_attn.q_proj": (64, 64),
    "model.layers.0.self_attn.k_proj": (32, 64),
    "model.layers.0.self_attn.v_proj": (32, 64),
    "model.layers.0.self_attn.o_proj": (64, 64),
    "model.layers.0.mlp.gate_proj": (128, 64),
    "model.layers.0.mlp.up_proj": (128, 64),
    "model.layers.0.mlp.down_proj": (64, 128),
    "lm_head": (96, 64),
}
NORMS = ("model.norm", "model.layers.0.input_layernorm", "model.layers.0.post_attention_layernorm")
PROGRAM = """
import json, sys
from shardwright import errors, models, settings
try:
    shape = models.load_shape(sys.argv[1], revision=sys.argv[2] or None, settings=settings.load_hub_settings())
except errors.ShardwrightError as error:
    print(json.dumps({"error": type(error).__name__, "message": error.message, "hint": error.hint}))
else:
    print(json.dumps({"hidden": shape.hidden_size, "bytes": shape.checkpoint_bytes, "source": shape.source,
                      "notes": shape.notes, "bound": shape.bound, "name": shape.name}))
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A running hub without repositories."""
    with running_hub() as server:
        yield server


@pytest.fixture
def ask(hub: Hub, tmp_path: Path) -> Ask:
    """A function that loads a shape in a process of its own, whose environment is only what the test gives."""

    def load(repository: str = REPOSITORY, revision: str = "", **environment: str) -> dict[str, Any]:
        variables = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path), "HOME": str(tmp_path), **environment}
        command = [sys.executable, "-c", PROGRAM, f"hf://{repository}", revision]
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=variables, timeout=60)
        assert (result.returncode, result.stderr) == (0, "")
        assert TOKEN not in result.stdout
        answer: dict[str, Any] = json.loads(result.stdout)
        return answer

    return load


def weights(names: list[str], *, padding: int = 0, absent: bool = False) -> bytes:
    """A safetensors file with these tensors of the tiny model; `absent`: without the bytes that it describes."""
    header: dict[str, Any] = {"__metadata__": {"padding": " " * padding}}
    end = 0
    for name in names:
        dimensions = MATRICES.get(name, (64,))
        start, end = end, end + 2 * dimensions[0] * (dimensions[1] if len(dimensions) == 2 else 1)
        header[f"{name}.weight"] = {"dtype": "BF16", "shape": list(dimensions), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + (b"" if absent else bytes(end))


ALL = [*MATRICES, *NORMS]
TOTAL = 2 * (sum(rows * columns for rows, columns in MATRICES.values()) + 3 * 64)


def fill(hub: Hub, repository: str = REPOSITORY, **changes: object) -> None:
    """A repository with the tiny model's configuration."""
    hub.put(repository, "config.json", json.dumps({**CONFIG, **changes}).encode())


def test_headers_are_read_by_ranges_and_weights_never(hub: Hub, ask: Ask) -> None:
    """The sum is exact, though only the beginning of the file was asked for."""
    fill(hub)
    hub.put(REPOSITORY, "model.safetensors", weights(ALL) + bytes(10_000_000))
    answer = ask()
    assert (answer["hidden"], answer["bytes"], answer["notes"]) == (64, TOTAL, [])
    assert (answer["source"], answer["name"]) == ("hf://someone/tiny", "tiny")
    assert hub.sent_bytes < 200_000
    assert hub.asked[-1][1] == "bytes=0-99999"


def test_a_long_header_takes_a_second_range(hub: Hub, ask: Ask) -> None:
    """What the first request did not bring is asked for exactly."""
    fill(hub)
    content = weights(ALL, padding=150_000)
    hub.put(REPOSITORY, "model.safetensors", content)
    assert ask()["bytes"] == TOTAL
    length = struct.unpack("<Q", content[:8])[0]
    assert hub.asked[-1][1] == f"bytes=8-{length + 7}"


def test_a_server_that_ignores_ranges_is_cut_off(hub: Hub, ask: Ask) -> None:
    """Some proxies answer with the whole file; reading stops where the header ends."""
    fill(hub)
    hub.put(REPOSITORY, "model.safetensors", weights(ALL, padding=150_000) + bytes(300_000_000), ranges=False)
    assert ask()["bytes"] == TOTAL
    assert hub.sent_bytes < 50_000_000


def test_all_files_of_an_index_are_read(hub: Hub, ask: Ask) -> None:
    """A model in several files adds up like one in a single file."""
    fill(hub)
    names = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]
    index = {"metadata": {"total_size": TOTAL}, "weight_map": {name: names[at % 3] for at, name in enumerate(ALL)}}
    hub.put(REPOSITORY, "model.safetensors.index.json", json.dumps(index).encode())
    for start, name in enumerate(names):
        hub.put(REPOSITORY, name, weights(ALL[start::3]))
    assert (ask()["bytes"], ask()["notes"]) == (TOTAL, [])


def test_a_repository_without_safetensors_is_planned_from_its_configuration(hub: Hub, ask: Ask) -> None:
    """Older models have other files; that the sum was not checked is said."""
    fill(hub)
    answer = ask()
    assert answer["bytes"] is None
    assert "no safetensors files" in answer["notes"][0]


def test_the_revision_asked_for_is_the_one_read(hub: Hub, ask: Ask) -> None:
    """A branch with a slash in its name is one part of the address."""
    hub.put(REPOSITORY, "config.json", json.dumps(CONFIG).encode(), revision="refs%2Fpr%2F1")
    assert ask(revision="refs/pr/1")["source"] == "hf://someone/tiny (revision refs/pr/1)"
    hub.refuse(REPOSITORY, Answer(404, code="RevisionNotFound"))
    answer = ask(revision="v9")
    assert (answer["error"], answer["message"]) == ("NotFound", "someone/tiny has no revision v9")


def test_the_token_goes_to_the_hub_and_not_where_it_redirects(hub: Hub, ask: Ask) -> None:
    """HF_TOKEN is sent with the question; storage elsewhere never sees it, and no output shows it."""
    hub.answers["/storage/config.json"] = Answer(body=json.dumps(CONFIG).encode())
    elsewhere = f"http://localhost:{hub.port}/storage/config.json"
    hub.answers[f"/{REPOSITORY}/resolve/main/config.json"] = Answer(302, location=elsewhere)
    assert ask(HF_TOKEN=TOKEN)["hidden"] == 64
    assert [(path, token) for path, _, token in hub.asked[:2]] == [
        (f"/{REPOSITORY}/resolve/main/config.json", f"Bearer {TOKEN}"),
        ("/storage/config.json", ""),
    ]


@pytest.mark.parametrize("ending", ["\x01", " x", "é"])
def test_a_token_that_cannot_be_sent_is_not_shown_either(hub: Hub, ask: Ask, ending: str) -> None:
    """A slip of the clipboard: refused before any library can quote it."""
    fill(hub)
    answer = ask(HF_TOKEN=TOKEN + ending)
    assert (answer["error"], "characters that no token has" in answer["message"]) == ("AccessError", True)
    assert hub.asked == []


def test_a_renamed_repository_is_followed(hub: Hub, ask: Ask) -> None:
    """The hub answers to former names with a relative redirect."""
    fill(hub)
    hub.answers["/former/tiny/resolve/main/config.json"] = Answer(
        307, location=f"/{REPOSITORY}/resolve/main/config.json"
    )
    assert ask("former/tiny")["hidden"] == 64


@pytest.mark.parametrize(
    ("token", "status", "said"), [("", 401, "no token was found"), (TOKEN, 403, "has no access to it")]
)
def test_a_gated_model_names_its_licence_page(hub: Hub, ask: Ask, token: str, status: int, said: str) -> None:
    """Without a token and with one of an account that was not let in; the error says where to accept."""
    hub.refuse(REPOSITORY, Answer(status, code="GatedRepo"))
    answer = ask(HF_TOKEN=token) if token else ask()
    assert answer["error"] == "AccessError"
    assert said in answer["message"]
    assert f"{hub.endpoint}/{REPOSITORY}" in answer["hint"]
    assert "directory" in answer["hint"]


@pytest.mark.parametrize("answer", [Answer(401, code="GatedRepo"), Answer(403), Answer(503), Answer(429)])
def test_the_catalogue_stands_in_and_says_so(hub: Hub, ask: Ask, answer: Answer) -> None:
    """A model whose configuration is known is planned although the hub refuses or is down."""
    hub.refuse(LLAMA, answer)
    shape = ask(LLAMA)
    assert shape["hidden"] == 4096
    assert shape["source"].startswith("the built-in catalogue")
    assert shape["source"].endswith(f"in place of hf://{LLAMA}")
    assert shape["notes"][0].startswith("the hub was not read: ")


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (Answer(401, code="RepoNotFound"), "NotFound", "has no model someone/tiny, or it is private"),
        (Answer(404, code="EntryNotFound"), "NotFound", "has no config.json"),
        (Answer(403), "AccessError", "refuses access to hf://someone/tiny (status 403)"),
        (Answer(429), "TemporaryError", "cannot answer for hf://someone/tiny now (status 429)"),
        (Answer(503), "TemporaryError", "cannot answer for hf://someone/tiny now (status 503)"),
        (Answer(418), "TargetError", "answered with status 418"),
        (Answer(302, location="/again"), "TemporaryError", "cannot be reached"),
        (Answer(delay_seconds=3), "TemporaryError", "cannot be reached for hf://someone/tiny: ReadTimeout"),
    ],
)
def test_each_refusal_says_who_must_act(hub: Hub, ask: Ask, answer: Answer, error: str, said: str) -> None:
    """The user, the account's owner, or nobody for a while."""
    hub.refuse(REPOSITORY, answer)
    hub.answers["/again"] = Answer(302, location="/again")
    found = ask(HF_HUB_DOWNLOAD_TIMEOUT="1")
    assert (found["error"], said in found["message"]) == (error, True), found
    assert found["hint"]


def test_a_hub_that_is_not_there_is_named(hub: Hub, ask: Ask) -> None:
    """No name resolution, no route, a closed port: the endpoint and the way around it."""
    answer = ask(HF_ENDPOINT="http://127.0.0.1:9")
    assert answer["error"] == "TemporaryError"
    assert "http://127.0.0.1:9 cannot be reached" in answer["message"]
    assert "HF_ENDPOINT" in answer["hint"]
    assert hub.asked == []


@pytest.mark.parametrize("endpoint", ["nonsense", "ftp://host", "http://[::1", "http://", "http://host:99999"])
def test_a_nonsensical_endpoint_is_the_users_fault(ask: Ask, endpoint: str) -> None:
    """Whatever stands in HF_ENDPOINT, the variable is named and no traceback comes out."""
    answer = ask(HF_ENDPOINT=endpoint)
    assert (answer["error"], answer["message"].partition(":")[0]) == ("InputError", "HF_ENDPOINT")


def test_a_host_name_that_is_none_is_no_crash(ask: Ask) -> None:
    """The resolver encodes names before it looks them up, and may refuse to."""
    assert "http://a..b cannot be reached" in ask(HF_ENDPOINT="http://a..b")["message"]


def test_other_variables_that_the_library_refuses_are_no_crash(ask: Ask) -> None:
    """The library reads them when it is imported, and raises."""
    answer = ask(HF_HUB_DOWNLOAD_TIMEOUT="soon")
    assert (answer["error"], answer["hint"]) == ("EnvironmentFault", "check the variables that begin with HF_")


def test_offline_asks_nobody(hub: Hub, ask: Ask) -> None:
    """HF_HUB_OFFLINE is obeyed: the catalogue is used where it can be, else the cure is named."""
    fill(hub)
    assert ask(HF_HUB_OFFLINE="1")["error"] == "EnvironmentFault"
    assert ask(LLAMA, HF_HUB_OFFLINE="1")["hidden"] == 4096
    assert hub.asked == []


def test_a_copy_in_the_local_cache_is_used_offline(ask: Ask, tmp_path: Path) -> None:
    """What `hf download` left is as good as the hub; that the hub was not asked is said."""
    folder = tmp_path / "hub/models--someone--tiny"
    snapshot = folder / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text(json.dumps(CONFIG))
    (snapshot / "model.safetensors").write_bytes(weights(ALL))
    (folder / "refs").mkdir()
    (folder / "refs/main").write_text("a" * 40)
    answer = ask(HF_HUB_OFFLINE="1")
    assert (answer["bytes"], answer["source"]) == (TOTAL, "hf://someone/tiny in the hub's local cache")
    assert "HF_HUB_OFFLINE" in answer["notes"][-1]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", b"<html>", "config.json: not JSON"),
        ("config.json", b" " * (8 * 2**20 + 1), "config.json is larger than 8388608 bytes"),
        ("model.safetensors", struct.pack("<Q", 2**60), "its header would be 1152921504606846976 bytes long"),
        ("model.safetensors", weights(ALL, absent=True)[:-5], "its header is cut short"),
        ("model.safetensors", b"", "it has only 0 bytes"),
        (
            "model.safetensors.index.json",
            b'{"weight_map": {"a": "../../x.safetensors"}}',
            "no safetensors file beside it",
        ),
    ],
)
def test_hostile_files_are_refused(hub: Hub, ask: Ask, name: str, content: bytes, said: str) -> None:
    """A stranger's files are bounded in size and checked before they are believed."""
    fill(hub)
    hub.put(REPOSITORY, name, content)
    answer = ask()
    assert answer["error"] == "InputError"
    assert said in answer["message"]


@pytest.mark.parametrize(("ranges", "missing", "is_cut"), [(True, 1, True), (True, 0, False), (False, 1, True)])
def test_a_file_that_was_not_uploaded_in_full_is_refused(
    hub: Hub, ask: Ask, *, ranges: bool, missing: int, is_cut: bool
) -> None:
    """Its header describes more bytes than the hub says it has; they need not be asked for to know that."""
    fill(hub)
    whole = weights(ALL)
    there = whole[: len(whole) - missing]
    hub.put(REPOSITORY, "model.safetensors", there, ranges=ranges, total_bytes=len(there))
    answer = ask()
    assert ("error" in answer) is is_cut
    assert ("cut short" in answer.get("message", "")) is is_cut


def test_an_unknown_architecture_is_bounded_by_the_hubs_headers(hub: Hub, ask: Ask) -> None:
    """With headers an unknown model has weights; without them it is refused."""
    fill(hub, architectures=["NewForCausalLM"])
    assert "NewForCausalLM is not known" in ask()["message"]
    hub.put(REPOSITORY, "model.safetensors", weights(ALL))
    assert "is not known: even division" in ask()["bound"]


def test_files_that_fail_after_the_configuration_are_noted(hub: Hub, ask: Ask) -> None:
    """A known family is planned without its headers when storage is down; that is said."""
    fill(hub)
    hub.answers[f"/{REPOSITORY}/resolve/main/model.safetensors"] = Answer(503)
    assert "safetensors headers were not read" in ask()["notes"][0]
