"""How many tokens each tool decodes for the same items, and the least that would do."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import sentencepiece

from scripts.lib import checkpoint
from scripts.lib.peers import tools
from scripts.lib.peers.bench import EDGEVAL, TEXT_LINES, Bench, Items
from scripts.lib.peers.markdown import Bar, Section, table
from scripts.lib.peers.process import run

_TINY = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "num_key_value_heads": 1,
}
"""The least model with the real vocabulary: only its tokens are counted."""


def measure(bench: Bench) -> Section:
    """Count from the token ids, and let edgeval and llama-perplexity say what they decoded."""
    items = bench.items()
    sequences = _sequences(items, bench.tokenizer)
    expected = {
        "lower_bound": lower_bound(sequences),
        "llama_perplexity": sum(map(perplexity_tokens, sequences)),
        "lm_eval": sum(len(choice) - 1 for item in sequences for choice in item),
    }
    gguf = _tiny_gguf(bench)
    ours = tools.edgeval(bench, gguf, items.text, "llama.cpp").tokens_decoded
    theirs = tools.perplexity(bench, gguf, items).tokens_decoded
    least = expected["lower_bound"]
    rows: list[tuple[str, int, str]] = [
        ("every shared prefix once (lower bound)", least, "token ids"),
        ("edgeval eval", ours, "its own count of a run"),
        ("llama-perplexity --hellaswag", expected["llama_perplexity"], "token ids"),
        ("llama-perplexity --hellaswag", theirs, "its own count of a run"),
        ("lm-evaluation-harness hf, before padding", expected["lm_eval"], "token ids"),
    ]
    cells = [[tool, f"{n:,}", f"{n / least:.3f}", source] for tool, n, source in rows]
    text = f"{items.label}, text rendering with BOS, Llama 2's tokenizer.\n\n"
    return Section(
        "Tokens decoded",
        text + table(["tool", "tokens", "of the bound", "counted from"], cells),
        {**expected, "edgeval_measured": ours, "llama_perplexity_measured": theirs},
        [
            Bar("edgeval's tokens over the lower bound", ours / least, "<=", 1.01),
            Bar("edgeval's tokens over llama-perplexity's", ours / theirs, "<=", 1.0),
        ],
    )


def _sequences(items: Items, tokenizer: Path) -> list[list[list[int]]]:
    """Return the token ids of each choice of each item, with its context and BOS before it."""
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer))
    lines = items.text.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    return [
        [
            [pieces.bos_id(), *pieces.encode(f"{lines[start]} {ending}")]
            for ending in lines[start + 2 : start + TEXT_LINES]
        ]
        for start in range(0, len(lines), TEXT_LINES)
    ]


def common_prefix(sequences: Sequence[list[int]]) -> int:
    """Return how many leading tokens all sequences share."""
    n = 0
    for tokens in zip(*sequences, strict=False):
        if len(set(tokens)) > 1:
            break
        n += 1
    return n


def lower_bound(items: Sequence[Sequence[list[int]]]) -> int:
    """Return the number of distinct prefixes; the last token of a choice is never an input."""
    inputs = sorted(choice[:-1] for item in items for choice in item)
    total = 0
    before: list[int] = []
    for tokens in inputs:
        total += len(tokens) - common_prefix([before, tokens])
        before = tokens
    return total


def perplexity_tokens(choices: Sequence[list[int]]) -> int:
    """Return ``required_tokens`` of perplexity.cpp: the common prefix once, all rests in full."""
    shared = common_prefix(choices)
    return shared + sum(len(choice) - shared for choice in choices)


def _tiny_gguf(bench: Bench) -> Path:
    """Make a GGUF with Llama 2's vocabulary that decodes in no time."""
    folder = bench.folder / "tiny"
    shutil.rmtree(folder, ignore_errors=True)
    checkpoint.write(folder, bench.tokenizer, _TINY)
    target = bench.folder / "gguf" / "tiny-F16.gguf"
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    run([*EDGEVAL, "convert", folder, target, "--dtype", "f16"])
    return target
