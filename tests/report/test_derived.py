"""What follows from a record's numbers is made of them: no view shows what a file says instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import EdgevalError
from edgeval.records import Drift, Evaluation, Metric, Report, SplitDifference, Stopping, Verdict
from edgeval.report import record_files
from edgeval.report.derived import renewed
from tests.helpers.command import assert_one_sentence, edgeval
from tests.helpers.reports import example_report, sliced_report, stopped_report


def in_file_order(record: Report) -> Report:
    """Return a record whose items are the first of a file."""
    data = record.data.model_copy(update={"order": "file"})
    return renewed(record.model_copy(update={"data": data}))


RECORDS = {
    "whole": example_report(),
    "slice": example_report(n_items=1000, status="inconclusive"),
    "most": example_report(n_items=8000, status="partial"),
    "sliced": sliced_report(),
    "weighted": stopped_report(status="partial"),
    "random order": stopped_report(design="random order", status="partial"),
    "old": stopped_report(design="random order", status="partial", is_old=True),
    "first of a file": in_file_order(example_report(n_items=1000, status="inconclusive")),
}

# What was averaged over scores, or drawn: a record does not hold what it is made of.
MEASURED = {
    Drift: {
        *("type", "has_imatrix", "name", "n_items", "pick_agreement", "flips", "divergence"),
        *("mean_logprob_change", "mean_abs_logprob_change", "rms_logprob_change"),
        *("p99_abs_logprob_change", "mean_margin_shift"),
        # Their parts are looked at one by one.
        *("split", "stopping", "split_accuracy", "new_items_clustered"),
    },
    # That of the first comparison is measured, and holds for all.
    SplitDifference: set(),
    Stopping: {"points", "design", "n_items", "n_compared", "looks"},
    Metric: {"correct", "total"},
    # Names and words, for whom a verdict is made; not what it is.
    Verdict: {"kind", "is_current"},
}

Content = Any


def _other(value: Any) -> Any:
    """Return another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 0.25
    if isinstance(value, dict):
        return {name: _other(each) if name == "high" else each for name, each in value.items()}
    return value


_OUTCOMES = {"equivalent": "worse", "worse": "equivalent", "different": "open", "open": "worse"}


_ANY = {"low": -0.5, "high": 0.5, "level": 0.95}


def _changes(record: Report) -> dict[str, Callable[[Content], None]]:
    """Return an edit of each field that follows from others."""
    found: dict[str, Callable[[Content], None]] = {}

    def add(name: str, part: Callable[[Content], Any], fields: Any, value: Any) -> None:
        for field in fields:
            old = getattr(value, field)
            new = "partial" if old == "reproduced" else "reproduced"
            if isinstance(old, str):
                new = {
                    "status": new,
                    "reference": "Q9_9",
                    "outcome": _OUTCOMES.get(old, ""),
                    "protocol_match": "proxy" if old == "exact" else "exact",
                }[field]
            elif old is None:
                new = {"items_for_power": 7, "new_items": _ANY, "interval": _ANY}.get(field, 0.5)
            else:
                new = json.loads(json.dumps(old, default=lambda each: each.model_dump()))
                new = _other(new)
            found[f"{name}.{field}"] = lambda content, field=field, new=new: part(content).update(
                {field: new}
            )

    first, run = record.drift[1], record.runs[2]
    drift_fields = Drift.model_fields.keys() - MEASURED[Drift]
    if first.stopping is not None:
        # What was estimated: no count gives it.
        drift_fields -= {"difference_points"}
    add("drift.1", lambda content: content["drift"][1], sorted(drift_fields), first)
    of_split = SplitDifference.model_fields.keys() - MEASURED[SplitDifference]
    if first.stopping is not None:
        of_split -= {"interval_points"}
    add(
        "drift.1.split", lambda content: content["drift"][1]["split"], sorted(of_split), first.split
    )
    if first.split_accuracy is not None:
        add(
            "drift.1.split_accuracy",
            lambda content: content["drift"][1]["split_accuracy"],
            ["value", "interval"],
            first.split_accuracy,
        )
    if first.stopping is not None:
        add("drift.1.stopping", lambda c: c["drift"][1]["stopping"], ["is_decided"], first.stopping)
        add("runs.2.stopping", lambda c: c["runs"][2]["stopping"], ["is_decided"], first.stopping)
    metric = Metric.model_fields.keys() - MEASURED[Metric]
    of = metric - {"interval"} if run.stopping else metric
    if run.stopping and run.stopping.design == "random order":
        of -= {"split_interval"}
    add(
        "runs.2.metrics.acc_norm",
        lambda content: content["runs"][2]["metrics"]["acc_norm"],
        sorted(of),
        run.metrics["acc_norm"],
    )
    if record.verdicts:
        of = {"status", "score", "confidence", "protocol_match"}
        add("verdicts.0", lambda content: content["verdicts"][0], sorted(of), record.verdicts[0])
    return found


CASES = [
    pytest.param(record, name, change, id=f"{kind}: {name}")
    for kind, record in RECORDS.items()
    for name, change in _changes(record).items()
]


def _edited(record: Report, change: Callable[[Content], None], folder: Path) -> Content:
    record_files.save(record, folder)
    content = json.loads((folder / "report.json").read_text("utf-8"))
    change(content)
    (folder / "report.json").write_text(json.dumps(content), "utf-8")
    return content


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_of_this_edgeval_is_as_it_was_written(name: str, tmp_path: Path) -> None:
    record_files.save(RECORDS[name], tmp_path)
    found = record_files.load(tmp_path)
    assert found.corrections == ()
    assert found == RECORDS[name]


@pytest.mark.parametrize(("record", "name", "change"), CASES)
def test_what_follows_from_numbers_is_made_of_them(
    record: Report, name: str, change: Callable[[Content], None], tmp_path: Path
) -> None:
    before = json.loads(record.model_dump_json())
    content = _edited(record, change, tmp_path)
    assert content != before
    found = record_files.load(tmp_path)
    (sentence,) = found.corrections
    assert sentence.startswith("report.json says otherwise than its own numbers in ")
    assert f"{name} is " in sentence or f"{name}." in sentence
    assert json.loads(found.model_dump_json()) == before


def test_every_field_is_measured_or_made_again() -> None:
    """A new field of these records has to be put where it belongs."""
    for kind, fields in MEASURED.items():
        assert fields <= kind.model_fields.keys()
    made = {name.rpartition(".")[2] for record in RECORDS.values() for name in _changes(record)}
    identity = {"id", "agent_version", "computed_at", "claim_citation"}
    for kind, fields in MEASURED.items():
        assert kind.model_fields.keys() - fields - identity <= made, kind


def _narrower(content: Content) -> None:
    content["runs"][0]["stopping"]["points"] = 0.5


def test_an_accuracy_is_decided_only_by_its_interval(tmp_path: Path) -> None:
    stopping = RECORDS["old"].runs[0].stopping
    assert stopping is not None
    assert stopping.is_decided
    _edited(RECORDS["old"], _narrower, tmp_path)
    stopping = record_files.load(tmp_path).runs[0].stopping
    assert stopping is not None
    assert not stopping.is_decided


# Each view


def _stale(content: Content) -> None:
    """Let a record say what an older edgeval, with other rules, may have found."""
    content["verdicts"][0] |= {"status": "reproduced", "confidence": 1.0, "protocol_match": "exact"}
    for found in content["drift"]:
        found["split"] |= {"outcome": "equivalent", "non_inferior": True}


@pytest.fixture
def stale(tmp_path: Path) -> Path:
    record = RECORDS["most"]
    assert record.verdicts[0].status == "partial"
    _edited(record, _stale, tmp_path / "stale")
    return tmp_path / "stale"


SAYS = "report.json says otherwise than its own numbers in "


def test_the_report_shows_the_verdict_of_the_numbers(stale: Path) -> None:
    found = edgeval("report", stale)
    assert (found.returncode, found.stderr) == (0, "")
    assert "\nPartial. On a slice" in found.stdout
    assert "Reproduced" not in found.stdout
    words = "Q2_K (\N{MINUS SIGN}6.20 points) are worse than F16 by more than 1 point"
    assert words in found.stdout
    (line,) = (line for line in found.stdout.splitlines() if line.startswith(SAYS))
    assert "verdicts.0.status is reproduced, not partial" in line
    for name in ("report.md", "report.html"):
        page = (stale / name).read_text("utf-8")
        assert "Partial." in page
        assert "Reproduced." not in page
        assert SAYS in page
    saved = json.loads((stale / "verdict.json").read_text("utf-8"))
    assert (saved["status"], saved["protocol_match"]) == ("partial", "proxy")


def test_what_a_machine_reads_is_the_verdict_of_the_numbers(stale: Path) -> None:
    found = edgeval("report", stale, "--json")
    assert Report.model_validate_json(found.stdout) == RECORDS["most"]
    assert SAYS in found.stderr
    found = edgeval("verdict", stale, "--json")
    (verdict,) = json.loads(found.stdout)
    assert verdict == json.loads(RECORDS["most"].verdicts[0].model_dump_json())
    assert SAYS in found.stderr
    shown = edgeval("verdict", stale).stdout
    assert shown.startswith("Partial: ")
    assert SAYS in shown


def test_a_comparison_says_what_a_record_says_otherwise(stale: Path, tmp_path: Path) -> None:
    record_files.save(RECORDS["most"], tmp_path / "sound")
    found = edgeval("compare", tmp_path / "sound", stale)
    assert f"stale: {SAYS}" in found.stdout
    assert f"sound: {SAYS}" not in found.stdout
    content = json.loads(edgeval("compare", tmp_path / "sound", stale, "--json").stdout)
    assert [len(each["corrections"]) for each in content["machines"]] == [0, 1]


def test_an_evaluation_is_counted_again(tmp_path: Path) -> None:
    names = Evaluation.model_fields
    record = Evaluation(**{name: getattr(RECORDS["slice"], name) for name in names})
    content = json.loads(record.model_dump_json())
    content["runs"][1]["metrics"]["acc"]["value"] = 0.99
    (tmp_path / "eval.json").write_text(json.dumps(content), "utf-8")
    found = record_files.load_record(tmp_path / "eval.json")
    assert found == record.model_copy() or found.runs == record.runs
    assert "runs.1.metrics.acc.value is 0.99, not 0.4" in found.corrections[0]


def test_the_last_digits_are_no_other_verdict(tmp_path: Path) -> None:
    def round_off(content: Content) -> None:
        content["verdicts"][0]["confidence"] *= 1 + 1e-12
        content["drift"][1]["mcnemar_p"] *= 1 - 1e-12
        # A text may be worded otherwise, and whoever judges it has another name.
        content["verdicts"][0] |= {"agent_version": "edgeval-0.0.9"}
        content["verdicts"][0]["claim_citation"]["notes"] = "in other words"

    record = RECORDS["most"]
    _edited(record, round_off, tmp_path)
    found = record_files.load(tmp_path)
    assert (found.corrections, found) == ((), record)


# Numbers that contradict each other


def _flip(content: Content) -> None:
    content["drift"][2]["flips"].pop()


def _no_flip(content: Content) -> None:
    flip = content["drift"][2]["flips"][0]
    flip["pick"] = flip["reference_pick"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_flip, "Q5_K_M has -1 right items beside the reference, and its flips give -2"),
        (_no_flip, "Q5_K_M has flips that are none"),
        (
            lambda content: content["drift"][0].update(type="Q9_9"),
            "Q9_9 is compared, and no run, or several comparisons, have that name",
        ),
        (
            lambda content: content["drift"][0].update(type="Q6_K"),
            "Q6_K is compared, and no run, or several comparisons, have that name",
        ),
        (
            lambda content: content["drift"][1].update(n_items=900),
            "Q6_K is compared on 900 items, and has 1,000",
        ),
        (
            lambda content: content["data"].update(n_items=10_042),
            "10,042 items were evaluated, and those that count have 1,000",
        ),
        (
            lambda content: content["data"]["groups"].update(wikihow=1),
            "the groups have 324 items, and all 1,000",
        ),
        (
            lambda content: content["data"].update(n_total=999),
            "F16 has 1,000 items, and the data 999",
        ),
    ],
)
def test_numbers_that_contradict_each_other_are_refused(
    change: Callable[[Content], None], reason: str, tmp_path: Path
) -> None:
    _edited(RECORDS["slice"], change, tmp_path)
    with pytest.raises(EdgevalError) as error:
        record_files.load(tmp_path)
    assert f"report.json contradicts itself: {reason}; restore it, or" in str(error.value)


def test_more_right_items_than_all_are_refused(tmp_path: Path) -> None:
    def change(content: Content) -> None:
        content["runs"][1]["metrics"]["acc"]["correct"] = 1001

    _edited(RECORDS["slice"], change, tmp_path)
    for command in ("report", "verdict"):
        found = edgeval(command, tmp_path)
        assert_one_sentence(found, ["runs.1.metrics.acc", "1,001 items are right, of 1,000"])
