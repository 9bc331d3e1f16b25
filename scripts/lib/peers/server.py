"""lm-evaluation-harness over llama-cpp-python's server: its time, and whether its answers hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from edgeval.tasks.hellaswag import HELLASWAG
from scripts.lib.paths import DEMO
from scripts.lib.peers import answers, replies, tools
from scripts.lib.peers.answers import Answers
from scripts.lib.peers.bench import Bench, Items
from scripts.lib.peers.markdown import Section, table
from scripts.lib.peers.process import PeerError
from scripts.lib.peers.replies import Reply

DEMO_ITEMS = 40
TINYLLAMA_ITEMS = 4


def measure(bench: Bench) -> Section:
    """Ask the server about the demo, and about the TinyLlama shape for its real vocabulary."""
    if bench.peers.versions["llama_cpp_python"] != bench.peers.binding_version:
        raise PeerError(
            f"{bench.peers.python} has not edgeval's version of llama-cpp-python; install "
            f"llama-cpp-python[server]=={bench.peers.binding_version} there"
        )
    parts, result = [], {}
    asked = [
        ("demo", bench.demo("f16"), bench.items(DEMO_ITEMS), DEMO),
        ("tinyllama", bench.tinyllama_gguf("Q4_K_M"), bench.items(TINYLLAMA_ITEMS), None),
    ]
    for name, gguf, items, checkpoint in asked:
        text, result[name] = _ask(bench, gguf, items, checkpoint)
        parts.append(text)
    return Section("lm_eval --model gguf over a server", "\n\n".join(parts), result)


def _ask(
    bench: Bench, gguf: Path, items: Items, checkpoint: Path | None
) -> tuple[str, dict[str, Any]]:
    """Compare one GGUF's answers; with a checkpoint, also with ``hf``'s."""
    scored = tools.edgeval(bench, gguf, items.jsonl, "lm-eval-bos")
    ours = answers.from_edgeval(scored.samples)
    rendered = HELLASWAG.load(items.jsonl).items("lm-eval")
    theirs, elapsed_s, failure = None, None, None
    log = bench.folder / "server.log"
    with replies.server(bench.peers.python, gguf, bench.threads, log) as url:
        try:
            model = ["--model", "gguf", "--model_args", f"base_url={url}"]
            done, samples = tools.lm_eval(bench, model, items)
            theirs, elapsed_s = answers.from_lm_eval(samples, ours.n_chars), done.elapsed_s
        except PeerError as error:
            failure = str(error).splitlines()[-1]
        given = replies.replay(url, rendered, [row["n_tokens"] for row in scored.samples])
    pairs = _pairs(bench, items, checkpoint, ours, theirs, given)
    agreements = {name: answers.compare(*pair) for name, pair in pairs.items()}
    counts = replies.tally(given)
    taken = f"failed ({failure})" if elapsed_s is None else f"took {elapsed_s:.1f} s"
    rows = [[name, *agreement.row()] for name, agreement in agreements.items()]
    text = (
        f"`{gguf.name}`, {items.label}: lm_eval {taken}, the server's start not counted; edgeval "
        f"eval took {scored.elapsed_s:.1f} s, protocol lm-eval-bos.\n\n"
        f"{table(['compared', *answers.Agreement.HEADER], rows)}\n\n"
        f"{replies.cause(counts)} Choices that the server or lm_eval fails on: {counts['failed']}."
    )
    return text, {
        "items": items.n,
        "lm_eval_elapsed_s": elapsed_s,
        "lm_eval_failure": failure,
        "edgeval": scored.as_json(),
        "agreements": {name: each.as_json() for name, each in agreements.items()},
        "choices": counts,
        "cause": replies.cause(counts),
    }


def _pairs(
    bench: Bench,
    items: Items,
    checkpoint: Path | None,
    ours: Answers,
    theirs: Answers | None,
    given: Sequence[Sequence[Reply]],
) -> dict[str, tuple[Answers, Answers]]:
    """Return which answers to compare, by a name for each pair."""
    pairs = {}
    if theirs is not None:
        pairs["lm_eval over the server / edgeval"] = (theirs, ours)
    if all(reply.own is not None for item in given for reply in item):
        own = np.array([[reply.own for reply in item] for item in given], dtype=np.float64)
        pairs["own tokens of the same replies / edgeval"] = (replace(ours, logprobs=own), ours)
    if checkpoint is not None:
        record = tools.reference(bench, checkpoint, items)
        hf = answers.from_reference(record["policies"]["with_bos"], ours.n_chars)
        if theirs is not None:
            pairs["lm_eval over the server / lm_eval hf"] = (theirs, hf)
        pairs["edgeval / lm_eval hf"] = (ours, hf)
    return pairs
