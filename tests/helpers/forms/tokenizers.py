"""The demo's tokenizer as a tokenizer.json of either kind that checkpoints bring."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from sentencepiece import SentencePieceProcessor

from edgeval.checkpoints.cards import cards_folder

LLAMA3_REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
FIRST_NORMAL = 259  # After unknown, BOS, EOS and a piece a byte.
SPECIALS = ("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>")


@functools.cache
def demo_model() -> SentencePieceProcessor:
    """Return the demo's SentencePiece model."""
    return SentencePieceProcessor(
        model_proto=(cards_folder() / "demo" / "tokenizer.model").read_bytes()
    )


def pieces_of(model: SentencePieceProcessor) -> list[str]:
    """Return a model's pieces by token id."""
    return [model.id_to_piece(token) for token in range(model.vocab_size())]


def merges(vocabulary: Mapping[str, int], merged: Sequence[str]) -> list[tuple[str, str]]:
    """Return the pairs that make each merged token, in the order of ``merged``."""
    found = []
    for token in merged:
        splits = [(token[:end], token[end:]) for end in range(1, len(token))]
        pairs = [pair for pair in splits if pair[0] in vocabulary and pair[1] in vocabulary]
        found += sorted(pairs, key=lambda pair: (vocabulary[pair[0]], vocabulary[pair[1]]))
    return found


def sentencepiece_json(
    model: SentencePieceProcessor | None = None, added: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Return a SentencePiece model as Hugging Face writes it: merges, and bytes as fallback."""
    model = model or demo_model()
    pieces = pieces_of(model)
    vocabulary = {piece: token for token, piece in enumerate(pieces)}
    # Those with the highest score are merged first; Llama 2's runs of spaces have the lowest.
    ranked = sorted(range(FIRST_NORMAL, len(pieces)), key=model.get_score, reverse=True)
    normal = [pieces[token] for token in ranked]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            *(added_entry(token, text, special=True) for token, text in enumerate(pieces[:3])),
            *added,
        ],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "\u2581"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": _template("<s>", 1),
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": [" ".join(pair) for pair in merges(vocabulary, normal)],
        },
    }


def byte_level_json(
    model: SentencePieceProcessor | None = None, *, pairs: bool = False, adds_bos: bool = True
) -> dict[str, Any]:
    """Return a byte-level BPE tokenizer in the style of Llama 3, made of a model's pieces."""
    letters = byte_letters()
    vocabulary = {letter: token for token, letter in enumerate(letters)}
    merged = []
    for piece in pieces_of(model or demo_model())[FIRST_NORMAL:]:
        token = "".join(letters[byte] for byte in piece.replace("\u2581", " ").encode())
        splits = ((token[:end], token[end:]) for end in range(1, len(token)))
        if any(a in vocabulary and b in vocabulary for a, b in splits):
            merged.append(token)
            vocabulary.setdefault(token, len(vocabulary))
    ranked = merges(vocabulary, merged)
    first = len(vocabulary)
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True}
    post_processor: dict[str, Any] = byte_level | {"trim_offsets": False, "use_regex": True}
    if adds_bos:
        post_processor = {
            "type": "Sequence",
            "processors": [post_processor, _template(SPECIALS[0], first)],
        }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            added_entry(first + index, text, special=True) for index, text in enumerate(SPECIALS)
        ],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": LLAMA3_REGEX},
                    "behavior": "Isolated",
                    "invert": False,
                },
                byte_level | {"add_prefix_space": False, "use_regex": False},
            ],
        },
        "post_processor": post_processor,
        "decoder": byte_level | {"use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": True,
            "vocab": vocabulary,
            "merges": [list(pair) if pairs else " ".join(pair) for pair in ranked],
        },
    }


def byte_letters() -> list[str]:
    """Return the letter that stands for each byte in a byte-level vocabulary (GPT-2's table)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return [
        chr(byte) if byte in printable else chr(256 + others.index(byte)) for byte in range(256)
    ]


def added_entry(token: int, text: str, *, special: bool = False) -> dict[str, Any]:
    """Return an entry of ``added_tokens``."""
    return {
        "id": token,
        "content": text,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": special,
    }


def _template(bos: str, token: int) -> dict[str, Any]:
    def text(name: str, segment: int) -> list[dict[str, Any]]:
        return [
            {"SpecialToken": {"id": bos, "type_id": segment}},
            {"Sequence": {"id": name, "type_id": segment}},
        ]

    return {
        "type": "TemplateProcessing",
        "single": text("A", 0),
        "pair": [*text("A", 0), *text("B", 1)],
        "special_tokens": {bos: {"id": bos, "ids": [token], "tokens": [bos]}},
    }
