"""The twin's own tokenizer: 512 tokens, each of which reads as plain text, in the hub's `tokenizer.json` format.

Byte-pair encoding with made-up syllables, so that what a twin answers can be read. Bytes outside printable ASCII become
`<unk>`; line breaks and tabs count as spaces. The spelling is that of byte-level vocabularies (a space is written as a
letter of its own), because transformers 5 opens every Qwen2 model with its own byte-level class whatever the files say.
"""

from __future__ import annotations

from typing import Any

__all__ = ["FIRST_SYLLABLE", "SPECIAL_TOKENS", "TOKENS", "tokenizer_config", "tokenizer_json"]

SPECIAL_TOKENS = ("<unk>", "<s>", "</s>")
"""Their indices are their places: 0, 1, 2."""
TOKENS = 512
FIRST_SYLLABLE = len(SPECIAL_TOKENS) + 95
"""Before it stand the special tokens and the printable characters."""

_SPACE = "\u0120"
"""How byte-level vocabularies write a space."""
_CONSONANTS = "bcdfghjklmnpqrstvwyz"
_VOWELS = "aeiou"
_ENDINGS = ("n", "r")
_PAIRS_OF_VOWELS = ("ai", "au", "ea", "ee", "ei", "eo", "ia", "ie", "io", "oa", "oo", "ou", "ui", "ue")
_CHAT = (
    "{{ bos_token }}{% for message in messages %}{{ message['role'] }}: {{ message['content'] }} {% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def tokenizer_json() -> dict[str, Any]:
    """The content of tokenizer.json."""
    merges = _merges()
    words = [*SPECIAL_TOKENS, _SPACE, *map(chr, range(33, 127)), *(first + second for first, second in merges)]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(index, word) for index, word in enumerate(SPECIAL_TOKENS)],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [{"type": "Replace", "pattern": {"String": mark}, "content": " "} for mark in "\r\n\t"],
        },
        "pre_tokenizer": byte_level,
        "post_processor": _begin_of_text(),
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": SPECIAL_TOKENS[0],
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {word: index for index, word in enumerate(words)},
            "merges": [list(pair) for pair in merges],
        },
    }


def tokenizer_config(max_positions: int) -> dict[str, Any]:
    """The content of tokenizer_config.json."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": SPECIAL_TOKENS[0],
        "bos_token": SPECIAL_TOKENS[1],
        "eos_token": SPECIAL_TOKENS[2],
        "pad_token": SPECIAL_TOKENS[2],
        "model_max_length": max_positions,
        "clean_up_tokenization_spaces": False,
        "chat_template": _CHAT,
    }


def _merges() -> list[tuple[str, str]]:
    """Syllables: 100 of two letters, with an ending, at the start of a word; then pairs of vowels to fill up."""
    syllables = [consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS]
    merges = [(syllable[0], syllable[1]) for syllable in syllables]
    merges += [(syllable, ending) for ending in _ENDINGS for syllable in syllables]
    merges += [(_SPACE, syllable) for syllable in syllables]
    merges += [(pair[0], pair[1]) for pair in _PAIRS_OF_VOWELS]
    return merges


def _added(index: int, word: str) -> dict[str, Any]:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {"id": index, "content": word, **flags}


def _begin_of_text() -> dict[str, Any]:
    """Every text begins with `<s>`, so that an empty prompt has a token too."""
    begin = SPECIAL_TOKENS[1]
    first = {"SpecialToken": {"id": begin, "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [first, text],
        "pair": [first, text, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {begin: {"id": begin, "ids": [1], "tokens": [begin]}},
    }
