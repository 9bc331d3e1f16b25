"""edgeval's number of right items against ``llama-perplexity --hellaswag``."""

from __future__ import annotations

from scripts.lib.peers import tools
from scripts.lib.peers.bench import Bench
from scripts.lib.peers.markdown import Bar, Section, table


def measure(bench: Bench) -> Section:
    """Score the six-line text with the demo's F16 GGUF by both."""
    items, gguf = bench.items(), bench.demo("f16")
    ours = tools.edgeval(bench, gguf, items.text, "llama.cpp")
    theirs = tools.perplexity(bench, gguf, items)
    rows = [
        [name, f"{items.n:,}", f"{scored.correct['acc_token']:,}", f"{scored.tokens_decoded:,}"]
        for name, scored in (("edgeval eval", ours), ("llama-perplexity", theirs))
    ]
    apart = abs(ours.correct["acc_token"] - theirs.correct["acc_token"])
    return Section(
        "Right items, against llama-perplexity",
        table(["the demo, F16", "items", "right", "tokens decoded"], rows),
        {"edgeval": ours.as_json(), "llama_perplexity": theirs.as_json()},
        [Bar("difference of the right items", apart, "<=", 0)],
    )
