from __future__ import annotations

import re

from shardwright.models import twin_tokenizer

SPACE = "\u0120"


def test_every_token_reads_as_plain_text() -> None:
    """512 tokens, each once; all but the special ones decode to printable ASCII."""
    vocabulary = twin_tokenizer.tokenizer_json()["model"]["vocab"]
    assert sorted(vocabulary.values()) == list(range(512))
    words = [word for word, index in vocabulary.items() if index >= len(twin_tokenizer.SPECIAL_TOKENS)]
    assert all(re.fullmatch(r"[ -~]+", word.replace(SPACE, " ")) for word in words)
    assert set(map(chr, range(32, 127))) <= {word.replace(SPACE, " ") for word in words}


def test_every_syllable_can_be_reached() -> None:
    """A merge joins two tokens that exist into a third; syllables come after the characters."""
    model = twin_tokenizer.tokenizer_json()["model"]
    vocabulary = model["vocab"]
    assert len(model["merges"]) == 512 - twin_tokenizer.FIRST_SYLLABLE
    for first, second in model["merges"]:
        joined = vocabulary[first + second]
        assert joined >= twin_tokenizer.FIRST_SYLLABLE
        assert max(vocabulary[first], vocabulary[second]) < joined


def test_special_tokens_stand_at_their_indices() -> None:
    """The configuration names 1 and 2 as beginning and end; the tokenizer must agree."""
    content = twin_tokenizer.tokenizer_json()
    assert [(token["id"], token["content"]) for token in content["added_tokens"]] == [
        (0, "<unk>"),
        (1, "<s>"),
        (2, "</s>"),
    ]
    config = twin_tokenizer.tokenizer_config(2048)
    assert (config["bos_token"], config["eos_token"], config["model_max_length"]) == ("<s>", "</s>", 2048)
