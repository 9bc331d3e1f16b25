"""Numbers of a page: each is in the record that it was made from, or follows from it."""

from __future__ import annotations

import itertools
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edgeval.records import Report
from edgeval.records.stopping import InterimLook
from edgeval.report.derived import renewed
from edgeval.report.pages import html_page
from tests.helpers.command import edgeval
from tests.helpers.energies import hot, told, with_energy, with_heat
from tests.helpers.evidence import with_evidence
from tests.helpers.numbers.check import wrong_numbers
from tests.helpers.numbers.markdown import wrong_markdown
from tests.helpers.numbers.page import Parts
from tests.helpers.numbers.raw import Json, Raw
from tests.helpers.numbers.sentences import method_numbers
from tests.helpers.pages import with_imatrix
from tests.helpers.paths import ROOT
from tests.helpers.reports import (
    example_report,
    failed_report,
    gpu_report,
    sliced_report,
    stopped_report,
)
from tests.helpers.shown_pages import crowded_report

DEMO = ROOT / "scripts" / "docs" / "data" / "report.json"


def with_looks(record: Report) -> Report:
    """Return a report that tells what was known on the way, of each type that stopped early."""
    runs, drifts = list(record.runs), []
    for drift in record.drift:
        assert drift.stopping is not None
        looks = [
            InterimLook(n_items=n, value_points=-0.3, low_points=-90.1 / n, high_points=77.7 / n)
            for n in (100, 150, drift.n_items)
        ]
        stopping = drift.stopping.model_copy(update={"looks": looks})
        drifts.append(drift.model_copy(update={"stopping": stopping}))
    return renewed(record.model_copy(update={"runs": runs, "drift": drifts}))


def busy_gpu_report() -> Report:
    """Return a report of a GPU whose meters told what it took, and of which one type waited."""
    record = with_energy(
        gpu_report(token_changes={"Q4_0": None}),
        F16=[told("meter", 5021.0, 1234.5), told("GPU", 2500.25)],
        Q8_0=[told("meter", 4500.5, 1111.25)],
    )
    record = with_heat(
        record, F16=hot(58.6, 71.4, cap=31.0), Q8_0=hot(61.3, cap=4.0), Q6_K=hot(60.0, 69.0)
    )
    (first, second, *rest) = record.runs
    assert second.speed is not None
    speed = second.speed.model_copy(update={"cpu_load": 0.73})
    return record.model_copy(
        update={"runs": [first, second.model_copy(update={"speed": speed}), *rest]}
    )


RECORDS: dict[str, Callable[[], Report]] = {
    "slice": lambda: with_evidence(example_report(n_items=1000, status="inconclusive")),
    "proxy": lambda: example_report(n_items=8000, status="partial"),
    "early stop": lambda: with_looks(stopped_report(design="random order", status="partial")),
    "weighted": lambda: with_looks(stopped_report(status="reproduced")),
    "failed type": lambda: failed_report("Q4_0", "Q2_K"),
    "reference file": sliced_report,
    "GPU": busy_gpu_report,
    "imatrix": lambda: with_evidence(with_imatrix(example_report(status="not_reproduced"))),
    "no claim": lambda: example_report(status=None),
    "one type": lambda: example_report(alone=True),
    "40 types": crowded_report,
}
NAMES = ("demo", *RECORDS)

ALIKE: dict[str, Callable[[], Report]] = {
    "weighted": stopped_report,
    "GPU": lambda: gpu_report(alone=True),
}
"""Other records with an explanation that is on one page of these."""


@dataclass(frozen=True)
class Shown:
    """A record as its file has it, and the pages that ``edgeval report`` makes of it."""

    content: Json
    page: Parts
    markdown: str


_SHOWN: dict[str, Shown] = {}


def shown(name: str, folder: Path) -> Shown:
    """Return a record and its pages, made once."""
    if name not in _SHOWN:
        folder = folder / name.replace(" ", "-")
        folder.mkdir()
        path = folder / "report.json"
        if name == "demo":
            shutil.copyfile(DEMO, path)
        else:
            path.write_text(RECORDS[name]().model_dump_json(indent=2), encoding="utf-8")
        found = edgeval("report", folder)
        assert found.returncode == 0, found.stderr
        html, markdown = (
            path.with_suffix(end).read_text(encoding="utf-8") for end in (".html", ".md")
        )
        content = json.loads(path.read_text(encoding="utf-8"))
        _SHOWN[name] = Shown(content, Parts(html), markdown)
    return _SHOWN[name]


def numbers_of_method(name: str, folder: Path) -> set[str]:
    """Return the numbers that pages of other records have in "How to read this"."""
    others = [shown(each, folder).page for each in NAMES if each != name]
    if name in ALIKE:
        others.append(Parts(html_page(ALIKE[name]())))
    return {number for page in others for number in method_numbers(page.texts)}


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_a_page_is_in_its_record(name: str, tmp_path: Path) -> None:
    found = shown(name, tmp_path)
    wrong = wrong_numbers(found.page, found.content, numbers_of_method(name, tmp_path))
    assert list(wrong) == []


@pytest.mark.parametrize("name", NAMES)
def test_every_number_of_the_markdown_is_in_its_record(name: str, tmp_path: Path) -> None:
    found = shown(name, tmp_path)
    assert list(wrong_markdown(Raw(found.content), found.markdown)) == []


# What would be noticed. "How to read this" is left out: it says little of a record.


def first_wrong(page: Parts, content: Json) -> str | None:
    """Return the first number of a page that is not a record's; None if all are."""
    of_method = set(method_numbers(page.texts))
    return next(wrong_numbers(page, content, of_method), None)


@pytest.mark.parametrize("name", NAMES)
def test_a_page_of_another_record_is_noticed(name: str, tmp_path: Path) -> None:
    page = shown(name, tmp_path).page
    for other in NAMES:
        if other != name:
            assert first_wrong(page, shown(other, tmp_path).content) is not None


FIELDS = {
    "runs": ("file_bytes", "bits_per_weight", "tokens_decoded", "logit_rows", "batch_tokens"),
    "runs.metrics.acc": ("correct",),
    "runs.speed": ("elapsed_s",),
    "runs.self_check": ("token_change", "bar", "n_same_picks"),
    "runs.speed.energy": ("joules",),
    "runs.imatrix": ("n_chunks",),
    "runs.from_reference.device": ("memory_bytes",),
    "runs.stopping.looks": ("high_points",),
    "drift": (
        "difference_points",
        "pick_agreement",
        "mean_logprob_change",
        "mean_abs_logprob_change",
        "rms_logprob_change",
        "p99_abs_logprob_change",
        "mean_margin_shift",
    ),
    "drift.split": ("margin_points",),
    "drift.divergence": (
        "kl_full_nats",
        "kl_upper_nats",
        "remainder_mass",
        "top1_agreement",
        "n_positions",
    ),
    "drift.divergence.by_position": ("kl_full_error_nats", "last"),
    "evidence.flips": ("logprobs", "reference_values"),
    "evidence.changes": ("counts",),
    "claims": ("value", "tolerance_points"),
    "failures": ("n_items",),
    "device": ("memory_bytes",),
    "": ("elapsed_s", "peak_rss_bytes"),
}
"""Numbers that are measured, or given; ``renewed`` makes the others of them."""

_MOST_CHANGES = 5
"""Of a record: all of all would take a minute."""


def places(content: Any, names: list[str]) -> Iterator[tuple[Any, Any]]:
    """Yield each container of a record that has a field, and where in it that is."""
    if isinstance(content, list):
        for at, each in enumerate(content):
            if names:
                yield from places(each, names)
            elif isinstance(each, int | float):
                yield content, at
    elif isinstance(content, dict) and names and names[0] in content:
        first, *rest = names
        if not rest and isinstance(content[first], int | float):
            yield content, first
        yield from places(content[first], rest)


def changed(content: Json, field: str, draw: random.Random) -> Json | None:
    """Return a record in which one number is another; None where it has none, or refuses it."""
    other = json.loads(json.dumps(content))
    found = list(places(other, field.split(".")))
    if not found:
        return None
    where, at = draw.choice(found)
    value = where[at]
    if isinstance(value, int):
        # Sizes have three digits, and counts all.
        values = [value * 5 // 4 if "bytes" in field else value + 1]
    else:
        values = [1.25 * value + 0.25, 0.5 * value]
    for each in values:
        where[at] = each
        try:
            made = renewed(Report.model_validate_json(json.dumps(other))).model_dump(mode="json")
        except (ValueError, ArithmeticError):
            continue
        return None if made == content else made
    return None


@pytest.mark.parametrize("name", NAMES)
def test_one_number_that_is_another_is_noticed(name: str, tmp_path: Path) -> None:
    found, draw = shown(name, tmp_path), random.Random(name)
    content = Report.model_validate_json(json.dumps(found.content)).model_dump(mode="json")
    fields = [f"{part}.{each}".strip(".") for part, names in FIELDS.items() for each in names]
    draw.shuffle(fields)
    others = ((field, changed(content, field, draw)) for field in fields)
    changes = ((field, other) for field, other in others if other is not None)
    known = list(itertools.islice(changes, _MOST_CHANGES))
    assert len(known) == _MOST_CHANGES
    unseen = [field for field, other in known if first_wrong(found.page, other) is None]
    assert unseen == []
