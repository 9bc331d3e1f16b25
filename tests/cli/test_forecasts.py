"""Forecasts as users see them: a table before a run, or sentences and a question."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgeval.cli import forecasts
from edgeval.cli.terminal.forecast import sentences
from edgeval.errors import EdgevalError
from edgeval.records.forecast import Forecast, Range
from tests.helpers.command import edgeval
from tests.helpers.forecasts import exactly, example_forecast, example_part


def test_a_dry_run_says_what_it_would_take_and_leaves_no_report(
    tiny_f16: Path, tiny_items: Path, tmp_path: Path
) -> None:
    arguments = ["run", str(tiny_f16), "--quant", "F16,Q8_0", "--data", str(tiny_items)]
    arguments += ["--protocol", "lm-eval", "--dry-run"]
    done = edgeval(*arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "This run takes about" in done.stdout
    assert "Q8_0" in done.stdout
    assert list(tmp_path.iterdir()) == []
    found = Forecast.model_validate(json.loads(edgeval(*arguments, "--json").stdout))
    assert [part.label for part in found.parts] == ["F16", "Q8_0"]
    assert "--dry-run" in found.command


def test_sentences_tell_time_memory_energy_and_cheaper_runs() -> None:
    assert list(sentences(example_forecast())) == [
        "This run takes about 30 min (24 to 39 min) with 4 threads, and 3.26 GiB of memory, of "
        "8.00 GiB that are free.",
        "It takes about 3 Wh, at 6.0 W by a meter.",
        "Cheaper: --until 1.0 takes 15 min (15 to 15 min), and tells what differs.",
    ]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ((30.0, 45.0, 80.0), "45 s (30 to 80 s)"),
        ((3000.0, 5000.0, 7000.0), "83 min (0.8 to 1.9 h)"),
        ((90_000.0, 180_000.0, 400_000.0), "2.1 days (1.0 to 4.6 days)"),
    ],
)
def test_times_are_told_as_exactly_as_they_are_known(
    seconds: tuple[float, float, float], words: str
) -> None:
    low, value, high = seconds
    found = example_forecast(example_part(time_s=Range(low=low, value=value, high=high)))
    assert words in next(iter(sentences(found)))


def test_types_that_were_not_tried_are_named() -> None:
    found = example_forecast(example_part(), example_part("Q8_0", tokens_per_s=None))
    assert "no time to try Q8_0" in list(sentences(found))[-1]
    stored = example_part("Q8_0", tokens_per_s=None, n_items=exactly(0), n_stored=9)
    assert not any("no time" in each for each in sentences(example_forecast(stored)))


class Asked:
    """A terminal that answers."""

    def __init__(self, answer: str) -> None:
        self.answer, self.lines = answer, list[str]()

    def log(self, message: str) -> None:
        self.lines.append(message)

    def ask(self, question: str) -> str:
        self.lines.append(question)
        return self.answer


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        is_terminal = True

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(forecasts, "stderr_console", Terminal)
    monkeypatch.setattr(forecasts.sys, "stdin", Terminal())


def confirm(answer: str, **options: Any) -> list[str]:
    asked = Asked(answer)
    forecasts.confirming(asked, **options)(example_forecast())  # type: ignore[arg-type]
    return asked.lines


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("answer", ["\n", "y\n", "Yes\n"])
def test_who_says_yes_goes_on(answer: str) -> None:
    assert confirm(answer, asks=True)[-1] == "go on? [Y/n]"


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("answer", ["n\n", "what?\n"])
def test_who_does_not_stops(answer: str) -> None:
    with pytest.raises(EdgevalError, match="nothing was scored"):
        confirm(answer, asks=True)


@pytest.mark.usefixtures("terminal")
def test_with_yes_nobody_is_asked() -> None:
    assert "go on? [Y/n]" not in confirm("n\n", asks=False)


def test_in_a_pipe_nobody_is_asked() -> None:
    assert "go on? [Y/n]" not in confirm("n\n", asks=True)
