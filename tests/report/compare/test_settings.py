"""Records that may be compared, and those that may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from edgeval.errors import EdgevalError
from edgeval.records import Evaluation, ImatrixInfo, Report, ShotPool
from edgeval.report.compare.compare import require_agreement
from edgeval.report.compare.sentences import sentences
from tests.helpers.comparisons import (
    DIFFERENCES,
    N_ITEMS,
    OTHER_SHA256,
    THERE,
    changed,
    column,
    data,
    evaluation,
    machine,
    other_model,
    printed,
    protocol,
    side_by_side,
    with_run,
)
from tests.helpers.reports import example_report, stopped_report

POOL = ShotPool(name="solved.jsonl", fingerprint="ab" * 32, n_items=9)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            data(fingerprint="00", name="fifth.jsonl"),
            "other data (fifth.jsonl, not Rowan/hellaswag validation)",
        ),
        (data(fingerprint="00"), "other data (both called Rowan/hellaswag validation)"),
        (data(n_items=2000), "other items (2,000, not 2,009)"),
        (data(seed=1), "other items (seed 1, not seed 0)"),
        (data(order="file"), "other items (in the file's order, not seed 0)"),
        (data(order="simple"), "other items (seed 0 without groups, not seed 0)"),
        (protocol(name="llama.cpp"), "other protocol (llama.cpp, not lm-eval)"),
        (protocol(version=2), "other version of the protocol (2, not 1)"),
        (protocol(shots=5), "other number of shots (5, not 0)"),
        (data(shot_pool=POOL), "shots of other data"),
    ],
)
def test_records_of_another_setting_are_not_compared(
    change: Callable[[Report], Report], reason: str
) -> None:
    found = side_by_side(change(machine()))
    for run in column(found).values():
        assert run is not None
        assert (run.standing, run.reasons) == ("not comparable", [reason])
        assert (run.metrics, run.speed_ratio, run.matched_by) == ({}, None, None)
    assert list(sentences(found)) == [DIFFERENCES, f"{THERE}: nothing compared: {reason}."]
    with pytest.raises(EdgevalError, match="nothing could be compared") as error:
        require_agreement(found)
    assert f"({reason}); evaluate the same GGUFs" in str(error.value)


def test_all_reasons_are_said() -> None:
    found = side_by_side(protocol(version=2, shots=5)(data(fingerprint="0", name="x")(machine())))
    run = column(found)["F16"]
    assert run is not None
    assert [reason.partition(" (")[0] for reason in run.reasons] == [
        "other data",
        "other version of the protocol",
        "other number of shots",
    ]


def test_the_whole_data_set_is_the_same_items_in_any_order() -> None:
    whole = {"n_total": N_ITEMS}
    first = data(**whole)(example_report(n_items=N_ITEMS, status=None))
    found = side_by_side(data(**whole, order="file")(machine()), first=first)
    assert {run.standing for run in column(found).values() if run} == {"equal"}
    assert found.machines[1].differences == ["items in another order"]


def test_a_seed_means_nothing_in_the_files_order() -> None:
    first = data(order="file")(example_report(n_items=N_ITEMS, status=None))
    found = side_by_side(data(order="file", seed=7)(machine()), first=first)
    assert {run.standing for run in column(found).values() if run} == {"equal"}


def test_files_that_each_machine_made_itself_are_matched_by_model_and_type() -> None:
    found = side_by_side(with_run(machine(), 4, sha256=OTHER_SHA256))
    run = column(found)["Q4_K_M"]
    assert run is not None
    assert (run.standing, run.matched_by) == ("equal", "model and type")
    said = f"{THERE}: Q4_K_M is another file of the same model and type."
    assert said in list(sentences(found))


def test_a_file_is_known_by_its_hash_whatever_it_is_called() -> None:
    renamed = with_run(machine(), 4, file="model.gguf", type="Q4_K_S")
    run = column(side_by_side(renamed))["Q4_K_M"]
    assert run is not None
    assert (run.standing, run.matched_by, run.run.file) == ("equal", "file", "model.gguf")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other_model, "other model"),
        (evaluation, "other file, and a record of edgeval eval does not say of which model"),
    ],
)
def test_another_file_of_an_unknown_or_another_model_is_not_compared(
    change: Callable[[Report], Report | Evaluation], reason: str
) -> None:
    found = side_by_side(change(with_run(machine(), 4, sha256=OTHER_SHA256)))
    run = column(found)["Q4_K_M"]
    assert run is not None
    assert (run.standing, run.reasons) == ("not comparable", [reason])
    # The same files are the same measurement, whatever the records say of their origin.
    assert [each.standing for each in column(found).values() if each].count("equal") == 7
    require_agreement(found)
    assert f"{THERE}: Q4_K_M not compared: {reason}." in list(sentences(found))


def test_another_importance_matrix_makes_another_model() -> None:
    def quantized(sha256: str | None, file_sha256: str, record: Report) -> Report:
        matrix = ImatrixInfo(file="im.gguf", sha256=sha256)
        return with_run(record, 4, imatrix=matrix, sha256=file_sha256)

    first = quantized("aa", "01" * 32, example_report(n_items=N_ITEMS, status=None))
    same = column(side_by_side(quantized("aa", "02" * 32, machine()), first=first))
    assert [run.matched_by for run in same.values() if run] == [
        *["file"] * 4,
        "model and type",
        *["file"] * 3,
    ]
    for sha256 in ("bb", None):
        found = side_by_side(quantized(sha256, "02" * 32, machine()), first=first)
        run = column(found)["Q4_K_M +imatrix"]
        assert run is not None
        assert run.reasons == ["other importance matrix"]
    without = side_by_side(machine(), first=first)
    assert column(without)["Q4_K_M +imatrix"] is None
    alone = column(without)["Q4_K_M"]
    assert alone is not None
    assert alone.reasons == ["not evaluated on the first machine"]


def test_runs_without_a_common_metric_or_number_of_items_are_not_compared() -> None:
    (accuracy,) = {example_report(n_items=N_ITEMS).runs[0].metrics["acc"]}
    other = machine()
    evaluated = [
        other.runs[0].model_copy(update={"metrics": {"new": accuracy}}),
        other.runs[1].model_copy(update={"metrics": {"acc": changed(accuracy, total=2000)}}),
    ]
    found = side_by_side(other.model_copy(update={"runs": [*evaluated, *other.runs[2:]]}))
    runs = column(found)
    assert runs["F16"] is not None and runs["Q8_0"] is not None
    assert runs["F16"].reasons == ["no metric that both records have"]
    assert runs["Q8_0"].reasons == ["other number of scored items"]


def test_items_drawn_for_what_they_can_tell_are_not_compared() -> None:
    record = stopped_report()
    found = side_by_side(record, first=record)
    runs = column(found)
    assert runs["F16"] is not None and runs["Q4_K_M"] is not None
    assert runs["F16"].standing == "equal"
    assert runs["Q4_K_M"].reasons == [
        "items drawn for what they can tell, whose number of right ones says nothing"
    ]
    shown = printed(found, width=120)
    (counts,) = (line for line in shown if "Q4_K_M" in line and "not compared" in line)
    assert "416" not in counts


def test_runs_that_stopped_at_other_items_are_not_compared() -> None:
    record = stopped_report(design="random order")
    assert {run.standing for run in column(side_by_side(record, first=record)).values() if run} == {
        "equal"
    }
    metrics = {
        name: changed(found, total=found.total + 64)
        for name, found in record.runs[2].metrics.items()
    }
    runs = column(side_by_side(with_run(record, 2, metrics=metrics), first=record))
    assert runs["Q4_K_M"] is not None and runs["Q2_K"] is not None
    assert runs["Q4_K_M"].reasons == ["other number of scored items"]
    assert runs["Q2_K"].standing == "equal"
    # Of a whole reference the order is no matter, of a type with fewer items it is.
    whole = data(n_items=record.data.n_total)
    other = side_by_side(data(seed=1)(whole(record)), first=whole(record))
    reasons = {run.reasons[0] for run in column(other).values() if run and run.reasons}
    assert reasons == {"other items (seed 1 without groups, not seed 0 without groups)"}
