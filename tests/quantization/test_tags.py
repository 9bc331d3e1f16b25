from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeval.quantization.tags import TagSource, tags
from edgeval.records.results import MOST_NAME_CHARS


def source(name: str, maker: str | None = None, sha256: str = "") -> TagSource:
    return TagSource(name, maker, sha256 or name.ljust(64, "0"))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([source("a-Q4_K_M")], [None]),
        ([source("m", "Unsloth"), source("m", "bartowski")], ["Unsloth", "bartowski"]),
        ([source("m-Q4_K_M", "us"), source("m-UD-Q4_K_XL", "us")], ["Q4_K_M", "UD-Q4_K_XL"]),
        (
            [source("a/m", "us"), source("b/m", "them"), source("m-Q4_0"), source("m-UD-Q4_0")],
            ["us", "them", None, "UD"],
        ),
        ([source("a/m", "us"), source("b/m")], ["us", None]),
        ([source("m-Q4_K_M"), source("m-Q4_K_M-v2")], [None, "v2"]),
        ([source("a/m.Q4_0"), source("b/m.Q4_0")], ["a", "b"]),
        (
            [source("x/y-GGUF/m-Q4_0"), source("z/y-GGUF/m-i1-Q4_0")],
            [None, "i1"],
        ),
        ([source("m", sha256="a" * 64), source("m", sha256="b" * 64)], ["a" * 8, "b" * 8]),
    ],
)
def test_files_of_one_type_are_told_apart(
    files: list[TagSource], expected: list[str | None]
) -> None:
    assert tags(files) == expected


NAMES = st.text(max_size=60)


@given(
    st.lists(
        st.builds(
            TagSource,
            name=NAMES,
            quantized_by=st.none() | NAMES,
            sha256=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
        ),
        min_size=2,
        max_size=6,
        unique_by=lambda each: each.sha256[:8],
    )
)
def test_no_two_have_the_same_tag_whatever_they_say(files: list[TagSource]) -> None:
    found = tags(files)
    assert len(set(found)) == len(files)
    assert all(tag is None or (tag.isprintable() and len(tag) <= MOST_NAME_CHARS) for tag in found)
