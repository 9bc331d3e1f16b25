"""Price of a machine, as it is typed in."""

from __future__ import annotations

import re
from typing import Final

from edgeval.errors import EdgevalError
from edgeval.records.bench import MOST_MONEY, Price

_WRITTEN: Final = re.compile(r"\s*([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([A-Za-z]{3})\s*", re.ASCII)


def price_of(text: str) -> Price:
    """Return the price that a text such as ``80 USD`` means.

    Raises:
        EdgevalError: If it means none.
    """
    found = _WRITTEN.fullmatch(text)
    amount = float(found[1]) if found else 0.0
    if found is None or not 0 < amount <= MOST_MONEY:
        raise EdgevalError(
            f"{text[:40]!r} is no price; write an amount up to {MOST_MONEY:,.0f} and three letters "
            "for its currency, as in '80 USD'"
        )
    return Price(amount=amount, currency=found[2].upper())
