from __future__ import annotations

import pytest

from edgeval import errors
from edgeval.errors import EdgevalError, InterruptedRunError, closest

FILE_TYPES = ("F16", "Q8_0", "Q4_K_M", "Q4_0")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Q4_K_S", " (did you mean 'Q4_K_M'?)"),
        ("q4_k_m", " (did you mean 'Q4_K_M'?)"),
        ("f 16", " (did you mean 'F16'?)"),
        ("banana", ""),
        ("", ""),
    ],
)
def test_closest_suggests_near_misses_whatever_their_case(name: str, expected: str) -> None:
    assert closest(name, FILE_TYPES) == expected


def test_closest_of_nothing_known_is_empty() -> None:
    assert closest("Q4_0", []) == ""


@pytest.mark.parametrize(
    "name",
    ["CheckpointError", "DataError", "HubError", "GgufError", "EngineError", "InterruptedRunError"],
)
def test_every_error_is_one_the_command_line_catches(name: str) -> None:
    assert issubclass(getattr(errors, name), EdgevalError)


def test_an_interrupted_run_says_how_to_go_on() -> None:
    message = str(InterruptedRunError())
    assert message.startswith("interrupted")
    assert "run the same command" in message
