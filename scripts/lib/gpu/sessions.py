"""Scores do not depend on how many sessions decode side by side."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from edgeval import llama
from scripts.lib.gpu.check import Check
from scripts.lib.gpu.scoring import logprobs
from scripts.lib.peers.markdown import Bar, Section, table

TYPES = ("F16", "Q4_K_M")
SESSIONS = (1, 2, 3)
REPEATS = 2
ITEMS = 200


def measure(check: Check) -> Section:
    """Score with one, two and three sessions, twice each, and compare every bit."""
    rows = [row for path in check.ladder(TYPES) for row in _of_file(check, path)]
    header = ["type", "sessions", "run", "tokens/s", "choices that differ"]
    cells = [
        [
            row["type"],
            str(row["n_sessions"]),
            str(row["run"] + 1),
            f"{row['tokens_per_s']:,.0f}",
            str(row["n_other"]),
        ]
        for row in rows
    ]
    others = sum(row["n_other"] for row in rows)
    bars = [Bar("choices whose log-probability differs in any bit", others, "<=", 0)]
    text = "Against the first run with one session.\n\n" + table(header, cells)
    return Section("Sessions side by side", text, {"items": ITEMS, "rows": rows}, bars)


def _of_file(check: Check, path: Path) -> list[dict[str, Any]]:
    setup = check.setup(check.items, ITEMS)
    with llama.Tokenizer(path) as vocabulary:
        placed = setup.of(vocabulary.info).placement
        file_type = vocabulary.file_type
    rows: list[dict[str, Any]] = []
    first = None
    for n_sessions in SESSIONS:
        for turn in range(REPEATS):
            found, work = logprobs(path, setup, replace(placed, n_sessions=n_sessions))
            first = found if first is None else first
            rows.append(
                {
                    "type": file_type,
                    "n_sessions": n_sessions,
                    "run": turn,
                    "tokens_per_s": work.tokens_decoded / work.elapsed_s,
                    "n_other": int((found != first).sum()),
                }
            )
    return rows
