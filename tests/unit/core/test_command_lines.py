"""Command lines of manifests: what a shell would run, and flags as values; the way back from writing them."""

from __future__ import annotations

import pytest

from shardwright.core import command_lines, engine_flags, flag_words, image_names
from shardwright.core.engine_flags import FlagForms


def words(*argv: str, **environment: str) -> list[str]:
    return [" ".join(line.words) for line in command_lines.lines_of(argv, environment)]


@pytest.mark.parametrize(
    ("script", "commands"),
    [
        ("a 1; b 2 && c || d\ne", ["a 1", "b 2", "c", "d", "e"]),
        ("# nothing; here\nvllm serve m \\\n  --port 80 # last\n", ["vllm serve m --port 80"]),
        ("export A=1\nB=$A exec run $B ${C} $D", ["run 1 see $D"]),
        ("run 'a; b' \"c  d\"", ["run a; b c  d"]),
        ("(cd x && run $(LWS_GROUP_SIZE))", ["(cd x", "run $(LWS_GROUP_SIZE))"]),
        ("broken ' quote", ["broken quote"]),
        ("bash -c 'run x'", ["run x"]),
    ],
)
def test_a_script_is_taken_apart_into_its_commands(script: str, commands: list[str]) -> None:
    """Ends of commands, comments, continued lines, quotes, variables; what is no shell is split at blanks."""
    assert words("sh", "-ec", script, C="see") == commands


def test_words_that_a_script_is_given_are_filled_in() -> None:
    """`"$@"` stands for what follows the script, less what `shift` takes."""
    assert words("/bin/bash", "-c", 'first\nshift 2\nexec "$@"', "name", "1", "2", "vllm", "serve") == [
        "first",
        "vllm serve",
    ]


def test_a_program_without_a_shell_is_one_command() -> None:
    """Variables that are known are filled in, as Kubernetes does it."""
    assert words("vllm", "serve", "$(MODEL)", "$(RANK)", MODEL="a/b") == ["vllm serve a/b $(RANK)"]
    assert words() == []
    assert words("bash", "script.sh", "-c") == ["bash script.sh -c"]


@pytest.mark.parametrize(
    "values",
    [
        {"max-model-len": 4096, "share": 0.9, "text": "0.90", "name": "a b"},
        {"on": True, "off": False, "hosts": ["a", "b"]},
        {"config": {"mode": 3, "list": [1, 2]}, "below": -1, "dash": "-x"},
    ],
)
def test_flags_that_are_written_are_read_back(values: dict[str, object]) -> None:
    """Numbers stay numbers only where the same text comes out again."""
    forms = FlagForms(frozenset({"on", "off"}))
    found = flag_words.parse_words(list(engine_flags.as_argv(values.items(), forms)), {"on", "off"}, {})
    assert (found.values, found.others) == (values, ())


def test_spellings_of_flags_and_words_between_them() -> None:
    """Underscores, `=`, short names, parts of an object, a word after a switch."""
    given = ["model", "--a_b=1", "-tp", "4", "--on", "more", "--cc.mode", "3", "--cc.pass-config.x", "y", "--cold"]
    found = flag_words.parse_words(given, {"on"}, {"tp": "tensor-parallel-size"})
    assert found.others == ("model", "more")
    config = {"mode": 3, "pass_config": {"x": "y"}}
    assert found.values == {"a-b": 1, "tensor-parallel-size": 4, "on": True, "cc": config, "cold": True}


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("docker.io/vllm/vllm-openai:v0.24.0", "0.24.0"),
        ("vllm/vllm-openai:v0.10.2@sha256:" + "0" * 64, "0.10.2"),
        ("lmsysorg/sglang:v0.5.6.post2", ""),
        ("localhost:5000/vllm", ""),
        ("vllm/vllm-openai:latest", ""),
        ("mirror.example.org/team/vllm-openai:0.11.1rc2-cu129", "0.11.1rc2"),
    ],
)
def test_the_tag_of_an_engines_image_tells_its_version(image: str, version: str) -> None:
    """Only of images that have the engine in their name."""
    assert image_names.version_of(image, "vllm") == version
