"""Item: what every task yields, and what a model says about it."""

from __future__ import annotations

from dataclasses import dataclass

from edgeval.errors import DataError


@dataclass(frozen=True)
class Item:
    """One multiple-choice question, rendered by a protocol.

    Attributes:
        id: Identifier within the data set.
        group: What the item is a kind of; slices are stratified by it.
        contexts: Texts before the choices: one for all of them, or one for each.
        choices: The candidate endings: one for each context, or one that follows all of them.
        gold: Index of the right pair.
        source: What the item was made of; items of one video or article have the same. Empty where
            that is not known. It is no part of what is scored.
        delimiter: What stands between a context and its choice; lengths of choices are without it.
        description: How each context begins, if it says what the items are: it stands once, before
            the solved items too.
    """

    id: str
    group: str
    contexts: tuple[str, ...]
    choices: tuple[str, ...]
    gold: int
    source: str = ""
    delimiter: str = " "
    description: str = ""

    def __post_init__(self) -> None:
        """Refuse what makes no pairs, or has no right one.

        Raises:
            DataError: If it does.
        """
        counts = {len(self.contexts), len(self.choices)}
        if 0 in counts or len(counts - {1}) > 1:
            raise DataError(
                f"item {self.id} has {len(self.contexts)} contexts and {len(self.choices)} "
                "choices; correct it"
            )
        if not 0 <= self.gold < self.n_choices:
            raise DataError(f"item {self.id} has no choice {self.gold}; correct its label")

    @property
    def n_choices(self) -> int:
        """Number of pairs to choose from."""
        return max(len(self.contexts), len(self.choices))

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """What is scored: each choice after its context."""
        n = self.n_choices
        contexts = self.contexts * n if len(self.contexts) == 1 else self.contexts
        choices = self.choices * n if len(self.choices) == 1 else self.choices
        return tuple(zip(contexts, choices, strict=True))

    @property
    def texts(self) -> tuple[str, ...]:
        """Each choice behind its context, as one text."""
        return tuple(f"{context}{self.delimiter}{choice}" for context, choice in self.pairs)


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
        """Number of characters of each choice, without the delimiter before it."""
        return tuple(len(choice) for _, choice in self.item.pairs)

    @property
    def n_bytes(self) -> tuple[int, ...]:
        """Number of UTF-8 bytes of each choice, without the delimiter before it."""
        return tuple(len(choice.encode()) for _, choice in self.item.pairs)
