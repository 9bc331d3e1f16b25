"""A card as a user may write one."""

from __future__ import annotations

CARD = """\
name = "mine"
title = "Mine"
repo = "me/mine"

[[claims]]
task = "hellaswag"
value = 50.0
metric = "acc_norm"
protocol = "lm-eval"
data = "Rowan/hellaswag validation"
n_items = 10042
citation = { section = "My notes", row = "2", column = "3" }
"""


def card_text(*, name: str = "mine", repo: str = "me/mine") -> str:
    """Return a card of a name and a repository, as TOML writes them between quotes."""
    return CARD.replace('"mine"', f'"{name}"').replace('"me/mine"', f'"{repo}"')
