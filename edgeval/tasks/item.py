"""What every task yields, and what a model says about it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One multiple-choice question, rendered by a protocol.

    Attributes:
        id: Identifier within the data set.
        group: What the item is a kind of; slices are stratified by it.
        context: Text before the choices.
        choices: The candidate endings.
        gold: Index of the right choice.
        source: What the item was made of; items of one video or article have the same. Empty where
            that is not known. It is no part of what is scored.
    """

    id: str
    group: str
    context: str
    choices: tuple[str, ...]
    gold: int
    source: str = ""


@dataclass(frozen=True)
class ItemScore:
    """What one model says about one item. Arrays have one entry a choice.

    Attributes:
        item: The item.
        logprobs: Sum of the log-probabilities of the choice's tokens, in nats.
        n_tokens: Number of those tokens.
        token_means: Mean log-probability a token, after the tokens all choices share, in nats.
        is_greedy: Whether each token of the choice was a most probable one.
    """

    item: Item
    logprobs: tuple[float, ...]
    n_tokens: tuple[int, ...]
    token_means: tuple[float, ...]
    is_greedy: tuple[bool, ...]

    @property
    def n_chars(self) -> tuple[int, ...]:
        """Number of characters of each choice, without the space before it."""
        return tuple(len(choice) for choice in self.item.choices)

    @property
    def n_bytes(self) -> tuple[int, ...]:
        """Number of UTF-8 bytes of each choice, without the space before it."""
        return tuple(len(choice.encode()) for choice in self.item.choices)
