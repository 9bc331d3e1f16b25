"""Every view says on which GPUs something was computed, and whether that was checked."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from edgeval.cli.terminal import report as terminal
from edgeval.cli.terminal import runs as runs_terminal
from edgeval.cli.terminal.comparison import table as comparison_table
from edgeval.cli.terminal.reference import reference_table
from edgeval.evaluation.options import Options
from edgeval.evaluation.reference import load_reference
from edgeval.evaluation.setup import prepare
from edgeval.records import Evaluation, OffloadInfo, Report
from edgeval.report import explanations, facts, measurements, pages
from edgeval.report import formatting as fmt
from edgeval.report.compare.compare import compare_records, require_agreement
from edgeval.report.compare.sentences import alarms, sentences
from edgeval.report.machines import backend_of, check_of_run, self_check, where
from edgeval.report.reasoning import reasoning
from edgeval.report.record_view import RecordView
from edgeval.store.reference_export import export_reference
from edgeval.store.runs import show_run
from edgeval.store.store import Store
from tests.helpers.pages import Page, cells, tables
from tests.helpers.reports import example_reference, example_report, gpu_report, stopped_report
from tests.helpers.stores import DEVICE, FACTS, MODEL_FACTS, WORK, open_run, score_of

PASSED = (
    "cuda against the CPU, 24 items a type: passed by all 8; nearest its limit 0.00090 nats a "
    "token (F16, of 0.02 allowed)"
)
DASHES = ["\N{EN DASH}"] * 2
BROKEN = gpu_report(token_changes={"Q2_K": 0.31, "Q4_0": None})


def shown_facts(record: Report) -> dict[str, str]:
    return {fact.label: fact.text for fact in facts.facts(RecordView.of(record))}


def printed(record: Report | Evaluation, capsys: pytest.CaptureFixture[str]) -> str:
    if isinstance(record, Report):
        terminal.print_report(record)
    else:
        terminal.print_evaluation(record)
    return capsys.readouterr().out


def evaluation(record: Report) -> Evaluation:
    return Evaluation(**{name: getattr(record, name) for name in Evaluation.model_fields})


def every_view(record: Report, capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [
        pages.markdown_page(record).replace("\\", ""),
        Page(pages.html_page(record)).text,
        printed(record, capsys),
        printed(evaluation(record), capsys),
    ]


def test_devices_and_the_check_are_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    record = gpu_report()
    found = shown_facts(record)
    assert found["Backend"] == "cuda on NVIDIA H200, 16 threads"
    assert found["Self-check"] == PASSED
    for text in every_view(record, capsys):
        assert "cuda on NVIDIA H200, 16 threads" in text
        assert PASSED in text
        assert "FAILED" not in text
        assert "trusted." not in text
    assert printed(record, capsys).splitlines()[-1] == (
        f"Computed with cuda on NVIDIA H200, 16 threads. Self-check: {PASSED}."
    )


def test_the_cpu_alone_is_not_talked_about(capsys: pytest.CaptureFixture[str]) -> None:
    record = example_report()
    assert shown_facts(record)["Backend"] == "cpu, 2 threads"
    assert measurements.self_check_table(RecordView.of(record)) is None
    for text in (*every_view(record, capsys), reasoning(RecordView.of(record), record.claims[0])):
        for word in ("Self-check", "self-check", "layers on", "GPU", "Computed with"):
            assert word not in text


def test_each_check_is_a_row() -> None:
    found = measurements.self_check_table(RecordView.of(BROKEN))
    assert found is not None
    assert found.header == [
        "type",
        "self-check",
        "nats a token",
        "allowed",
        "by quantization",
        "shift, points",
        "mean |Δ logprob|",
        "largest |Δ|",
        "same picks",
    ]
    assert found.rows[0] == [
        "F16",
        "passed",
        "0.00090",
        "0.02",
        *DASHES,
        "0.018",
        "0.081",
        "23 of 24",
    ]
    assert found.rows[5] == ["Q4_0", "not checked", *["\N{EN DASH}"] * 7]
    assert found.rows[7] == ["Q2_K", "FAILED", "0.31", "0.1", *DASHES, "6.2", "28", "23 of 24"]
    (markdown,) = (
        each for each in tables(pages.markdown_page(BROKEN)) if "nats a token" in each[0]
    )
    assert [list(row.values()) for row in markdown] == [
        [cell.strip() for cell in cells("|" + "|".join(row) + "|")] for row in found.rows
    ]


def test_a_failed_check_is_seen_first(capsys: pytest.CaptureFixture[str]) -> None:
    sentence = (
        "Self-check failed by Q2_K (0.31 nats a token, 0.1 allowed): what cuda computes there is "
        "not what the CPU does, and these numbers cannot be trusted."
    )
    for text in every_view(BROKEN, capsys):
        assert sentence in text
        assert "FAILED by Q2_K (0.31 nats a token, 0.1 allowed); passed by F16, Q8_0, " in text
        assert (
            "nearest its limit 0.00090 nats a token (F16, of 0.02 allowed); Q4_0 not checked"
            in text
        )
    markdown, html = pages.markdown_page(BROKEN), pages.html_page(BROKEN)
    assert markdown.index("cannot be trusted") < markdown.index("Reproduced.")
    assert html.index("cannot be trusted") < html.index("Reproduced.")
    assert ("div", "role", "alert") in Page(html).attributes


@pytest.mark.parametrize(
    ("changes", "alone", "expected"),
    [
        (dict.fromkeys([run.type for run in example_report().runs]), False, "not checked"),
        ({"F16": None}, True, "not checked"),
        (
            {"F16": 0.02},
            True,
            "cuda against the CPU, 24 items: passed; nearest its limit 0.020 nats a token (of "
            "0.02 allowed)",
        ),
        (
            {"F16": 0.021},
            True,
            "cuda against the CPU, 24 items: FAILED by F16 (0.021 nats a token, 0.02 allowed)",
        ),
    ],
)
def test_the_check_in_words(changes: dict[str, float | None], alone: bool, expected: str) -> None:
    record = gpu_report(token_changes=changes, alone=alone)
    assert self_check("cuda", record.runs) == expected
    assert shown_facts(record)["Self-check"] == expected


def test_what_quantization_does_and_the_shift_are_told_where_they_are_known() -> None:
    (run,) = gpu_report(token_changes={"F16": 0.01}, alone=True).runs
    assert run.self_check is not None
    told = {"own_change": 0.0117, "shift_points": -0.214, "shift_bar_points": 0.93}
    check = run.self_check.model_copy(update=told)
    assert self_check("cuda", [run.model_copy(update={"self_check": check})]).endswith(
        "(of 0.02 allowed); largest shift of accuracy \N{MINUS SIGN}0.21 points, within chance"
    )
    (said,) = [check_of_run(run.model_copy(update={"self_check": check}))]
    assert said.endswith("of 0.02 allowed, where quantization changes them by 0.012.")
    shifted = check.model_copy(update={"shift_points": 1.25})
    assert not shifted.has_passed
    assert self_check("cuda", [run.model_copy(update={"self_check": shifted})]).endswith(
        "FAILED by F16 (+1.25 points of accuracy, 0.93 allowed)"
    )


def test_checks_of_different_items_say_the_range() -> None:
    record = gpu_report()
    (first, *rest) = record.runs
    assert first.self_check is not None
    fewer = first.model_copy(
        update={"self_check": first.self_check.model_copy(update={"n_items": 10})}
    )
    assert "10 to 24 items a type: passed by all 8" in self_check("cuda", [fewer, *rest])


def test_layers_that_are_left_to_the_cpu_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    every = dict.fromkeys([run.type for run in example_report().runs], 12)
    whole = "cuda with 12 of 23 layers on NVIDIA H200, the rest on the CPU, 16 threads"
    for text in every_view(gpu_report(layers=every), capsys):
        assert whole in text
    some = gpu_report(layers={"F16": 12, "Q8_0": 20}, devices=("NVIDIA L4", "NVIDIA L4"))
    pair = "2 \N{MULTIPLICATION SIGN} NVIDIA L4"
    assert shown_facts(some)["Backend"] == (
        f"cuda (F16 with 12 of 23 layers on {pair}, the rest on the CPU; Q8_0 with 20 of 23 layers "
        f"on {pair}, the rest on the CPU; Q6_K, Q5_K_M, Q4_K_M, Q4_0, Q3_K_M and Q2_K on {pair}), "
        "16 threads"
    )


def test_files_of_one_type_are_called_by_their_names() -> None:
    runs = gpu_report().runs[:2]
    same = [run.model_copy(update={"type": "F16"}) for run in runs]
    on_cpu = same[1].model_copy(update={"offload": None})
    assert backend_of("cuda", [same[0], on_cpu]) == (
        "cuda (tinyllama-3t-F16.gguf on NVIDIA H200; tinyllama-3t-Q8_0.gguf on the CPU)"
    )


def test_the_verdict_says_how_its_number_was_checked() -> None:
    found = reasoning(RecordView.of(gpu_report()), gpu_report().claims[0])
    assert (
        "on backend cuda on NVIDIA H200 with 16 threads, on Intel(R) Xeon(R) Platinum 8481C CPU @ "
        "2.70GHz. It passed the self-check against the CPU: on 24 items, log-probabilities are "
        "0.00090 nats a token apart on average, of 0.02 allowed."
    ) in found
    failed = gpu_report(token_changes={"F16": 0.5})
    assert "It FAILED the self-check against the CPU: on 24 items, log-probabilities are 0.50" in (
        reasoning(RecordView.of(failed), failed.claims[0])
    )
    unchecked = gpu_report(token_changes={"F16": None})
    assert "It was not checked against the CPU." in reasoning(
        RecordView.of(unchecked), unchecked.claims[0]
    )


def test_a_reference_file_names_its_gpu_and_is_not_said_to_be_checked() -> None:
    record = stopped_report(status="reproduced")
    known = example_reference().model_copy(update={"devices": ["NVIDIA H200"]})
    reference = record.runs[0].model_copy(
        update={
            "from_reference": known,
            "offload": OffloadInfo(devices=["NVIDIA H200"], layers=12, n_layers=23),
        }
    )
    record = record.model_copy(update={"runs": [reference, *record.runs[1:]]})
    there = "cuda with 12 of 23 layers on NVIDIA H200, the rest on the CPU"
    found = shown_facts(record)
    assert found["Reference engine"].endswith(f"on backend {there}")
    unknown = "Whether that was checked against the CPU there, the file does not say."
    assert found["Reference self-check"] == unknown
    assert found["Backend"] == "cpu, 2 threads"
    assert "Self-check" not in found
    paragraph = reasoning(RecordView.of(record), record.claims[0])
    assert f"on backend {there}, on AMD EPYC 9654 96-Core Processor. {unknown}" in paragraph


def test_only_reports_of_gpus_explain_the_check() -> None:
    *_, last = explanations.explanations(RecordView.of(gpu_report()))
    assert last.subject == "Self-check of a GPU"
    assert "256 values for the K types (Q8_K), of 32 for Q8_0 and Q4_0 (Q8_0); CUDA" in last.text
    assert "mmq.cuh" in last.citation
    record = gpu_report()
    metal = record.engine.model_copy(update={"backend": "metal"})
    *_, other = explanations.explanations(
        RecordView.of(record.model_copy(update={"engine": metal}))
    )
    assert "metal has kernels of its own" in other.text
    assert "CUDA" not in other.text + other.citation
    assert "Self-check" not in str(explanations.explanations(RecordView.of(example_report())))


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.0, "0"), (0.00004, "0.000040"), (0.0042, "0.0042"), (0.1, "0.10"), (12.4, "12")],
)
def test_nats_have_two_digits(value: float, expected: str) -> None:
    assert fmt.nats(value) == expected


# What the store holds


GPU = {"backend": "cuda", "devices": ["NVIDIA H200"], "gpu_layers": 2}


def stored(path: Path, **setting: Any) -> Path:
    """Make a store with one run of two items."""
    with Store(path) as store, open_run(store, **setting) as measurement:
        facts = replace(FACTS, n_total=50, model=MODEL_FACTS)
        plan = measurement.add_plan([3, 4], facts, DEVICE)
        measurement.save(plan, {place: score_of(place) for place in (3, 4)}, WORK)
    return path


def test_a_reference_file_and_a_stored_run_name_their_gpu(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    db = stored(tmp_path / "a.db", **GPU)
    there = "cuda with 2 of 3 layers on NVIDIA H200, the rest on the CPU"
    runs_terminal.print_run(show_run(db, 1))
    assert capsys.readouterr().out.splitlines()[-1] == f"Computed with {there}."
    export_reference(db, 1, tmp_path / "ref.npz")
    reference = load_reference(tmp_path / "ref.npz")
    assert reference.header.offload == OffloadInfo(devices=["NVIDIA H200"], layers=2, n_layers=3)
    console = Console(file=io.StringIO(), width=160)
    console.print(reference_table(reference))
    assert f"llama-cpp-python 0.3.36, {there}" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_run_from_a_reference_file_has_its_devices(tmp_path: Path, tiny_items: Path) -> None:
    setup = prepare(Options(data=tiny_items, backend="cpu"))
    kept = replace(setup, indices=[3, 4])
    for name, setting, devices in (("gpu", GPU, ["NVIDIA H200"]), ("cpu", {}, [])):
        db = stored(tmp_path / f"{name}.db", **setting)
        export_reference(db, 1, tmp_path / f"{name}.npz")
        run = load_reference(tmp_path / f"{name}.npz").measured(kept).run
        assert run.from_reference is not None
        assert run.from_reference.devices == devices
        assert (run.offload and run.offload.layers) == (2 if devices else None)


def test_a_stored_run_on_the_cpu_has_no_such_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs_terminal.print_run(show_run(stored(tmp_path / "a.db"), 1))
    assert "Computed with" not in capsys.readouterr().out


# Beside another machine


def side_by_side(first: Report, other: Report, width: int = 100) -> tuple[list[str], list[str]]:
    """Return the facts and the sentences of a comparison."""
    found = compare_records([first, other], [Path("a.json"), Path("b.json")])
    require_agreement(found)
    console = Console(file=io.StringIO(), width=width)
    console.print(comparison_table(found))
    return (
        console.file.getvalue().splitlines(),  # type: ignore[attr-defined]
        [*alarms(found), *sentences(found)],
    )


def row(lines: list[str], name: str) -> list[str]:
    (line,) = (line for line in lines if line.startswith(f"│ {name} "))
    return [cell.strip() for cell in line.split("│")[2:-1]]


def test_a_comparison_names_gpus_and_their_checks() -> None:
    lines, said = side_by_side(example_report(), gpu_report())
    assert row(lines, "backend") == ["cpu", "cuda"]
    assert row(lines, "GPU") == ["\N{EN DASH}", "NVIDIA H200"]
    assert row(lines, "self-check") == ["\N{EN DASH}", "passed by 8"]
    assert any("backend cuda on NVIDIA H200, not cpu" in each for each in said)
    assert not any("layers on GPUs" in each for each in said)
    lines, said = side_by_side(example_report(), example_report())
    assert not any(line.startswith(("│ GPU", "│ self-check")) for line in lines)


def test_other_devices_and_layers_explain_speed_and_near_ties() -> None:
    _, said = side_by_side(gpu_report(devices=("NVIDIA L4",) * 2), gpu_report(layers={"F16": 12}))
    pair = "2 \N{MULTIPLICATION SIGN} NVIDIA L4"
    assert any(f"backend cuda on NVIDIA H200, not cuda on {pair}" in each for each in said)
    assert any("layers on GPUs 12, not 23 (F16)" in each for each in said)
    _, said = side_by_side(example_report(), gpu_report(layers={"F16": 12}))
    assert any("layers on GPUs 12, not 0 (F16)" in each for each in said)


def test_a_comparison_says_which_check_failed() -> None:
    lines, said = side_by_side(BROKEN, gpu_report(token_changes={"Q8_0": None}))
    assert row(lines, "self-check") == ["FAILED: Q2_K", "passed by 7 of 8"]
    assert said[0].startswith("a: Self-check failed by Q2_K (0.31 nats a token, 0.1 allowed)")


def test_a_backend_without_devices_is_its_name() -> None:
    assert where("cpu", None) == "cpu"
    assert backend_of("metal", []) == "metal"
