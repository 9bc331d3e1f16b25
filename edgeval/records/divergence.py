"""How far a model's next-token distributions are from the reference's."""

from __future__ import annotations

from edgeval.records.base import Record


class Divergence(Record):
    """KL(reference || model) over the scored positions of some items.

    Of each position the reference's 32 most likely tokens are told apart, and all others are one:
    so the KL divergence is a lower bound of that of the whole distributions.

    Attributes:
        n_items: Number of items.
        n_positions: Number of scored positions in them.
        kl_nats: Mean over the positions, in nats; a lower bound.
        kl_error_nats: Its standard error, in nats, clustered by item; None with one item.
        top1_agreement: Fraction of positions at which both have the same most likely token.
    """

    n_items: int
    n_positions: int
    kl_nats: float
    kl_error_nats: float | None
    top1_agreement: float
