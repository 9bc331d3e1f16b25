"""Prices, as they are typed in."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.benchmark.bench import bench
from edgeval.benchmark.options import BenchOptions
from edgeval.benchmark.price import price_of
from edgeval.errors import EdgevalError
from edgeval.records.bench import Price
from tests.helpers.command import edgeval


@pytest.mark.parametrize(
    ("text", "amount", "shown"),
    [
        ("80 USD", 80.0, "80 USD"),
        ("79.9 eur", 79.9, "79.90 EUR"),
        (" 1299EUR ", 1299.0, "1,299 EUR"),
    ],
)
def test_a_price_is_an_amount_and_a_currency(text: str, amount: float, shown: str) -> None:
    found = price_of(text)
    assert (found.amount, str(found)) == (amount, shown)


@pytest.mark.parametrize(
    "text",
    [
        *("", "80", "USD", "eighty USD", "0 USD", "-5 USD", "80,50 EUR", "nan USD", "1e3 USD"),
        *("80 $", "9999999999 USD", "80 DOLLARS", "8\u0660 USD", "80 USD 90 EUR"),
        "9" * 400 + " USD",
    ],
)
def test_what_is_no_price_is_refused_by_name(text: str) -> None:
    with pytest.raises(EdgevalError, match="is no price; write an amount") as caught:
        price_of(text)
    assert repr(text[:40]) in str(caught.value)


def test_the_command_refuses_it_before_anything_is_loaded() -> None:
    done = edgeval("bench", "no-such-model.gguf", "--price", "eighty")
    assert done.returncode == 2
    assert "'eighty' is no price" in " ".join(done.stderr.split())


def test_the_record_keeps_it(tiny_f16: Path) -> None:
    options = BenchOptions(
        prompts=(8,), generated=(), repetitions=1, scored_items=0, price=price_of("80 USD")
    )
    assert bench(tiny_f16, options, progress=None).price == Price(amount=80.0, currency="USD")
