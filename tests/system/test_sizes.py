from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.errors import EdgevalError
from edgeval.system.sizes import n_bytes


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("2G", 2 * 1024**3),
        ("1.5GiB", 3 * 1024**3 // 2),
        ("700m", 700 * 1024**2),
        (" 2 GB ", 2_000_000_000),
        ("1kB", 1000),
        ("1T", 1024**4),
        ("12B", 12),
        ("4096", 4096),
    ],
)
def test_sizes_are_read_as_gnus_tools_read_them(text: str, size: int) -> None:
    assert n_bytes(text) == size


@pytest.mark.parametrize(
    "text", ["", "0", "0G", "-1G", "G", "2X", "1e9", "inf", "nan", "2GiBB", "99999999T", "1,5G"]
)
def test_what_is_no_size_is_one_sentence(text: str) -> None:
    with pytest.raises(EdgevalError, match=r"is no size; write it like 2G, 1\.5GiB or 700M"):
        n_bytes(text)


@given(st.integers(1, 2**53))
def test_bytes_are_themselves(size: int) -> None:
    assert n_bytes(str(size)) == size


@given(st.text(max_size=40))
def test_any_text_is_a_size_or_a_sentence(text: str) -> None:
    try:
        assert n_bytes(text) > 0
    except EdgevalError as error:
        assert "\n" not in str(error)
