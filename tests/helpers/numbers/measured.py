"""Tables and facts of how it was measured, from the record; and which table of a page is which."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from tests.helpers.numbers import tables
from tests.helpers.numbers.page import Grid
from tests.helpers.numbers.printed import (
    DASH,
    Cell,
    Num,
    Part,
    Short,
    Size,
    Span,
    moment,
    says,
    told,
)
from tests.helpers.numbers.raw import Json, Raw, held_share, told_heat
from tests.helpers.numbers.tables import Expected, count, speed_cell, wrong_cells


def stopping(raw: Raw) -> Expected:
    """Return the table of when runs stopped."""
    drawn = {"weighted": "by what they can tell", "random order": "random order"}
    rows: list[list[Cell]] = [
        [
            [raw.label(run)],
            [count(found["n_items"])],
            [drawn[found["design"]]],
            ["yes" if found["is_decided"] else "no"],
        ]
        for run in raw.runs
        if (found := run["stopping"])
    ]
    return Expected([[name] for name in ("type", "items", "drawn", "decided")], rows)


def self_checks(raw: Raw) -> Expected:
    """Return the table of how close GPUs came to the CPU."""
    header = ["type", "self-check", "nats a token", "allowed", "by quantization", "shift, points"]
    header += ["mean |Δ logprob|", "largest |Δ|", "same picks"]
    rows: list[list[Cell]] = []
    for run in raw.measured:
        check = run["self_check"]
        if not run["offload"]:
            continue
        if check is None:
            rows.append([[raw.label(run)], ["not checked"], *([DASH] for _ in header[2:])])
            continue
        shift, own = check["shift_points"], check["own_change"]
        has_passed = check["token_change"] <= check["bar"] and (
            shift is None or abs(shift) <= check["shift_bar_points"]
        )
        rows.append(
            [
                [raw.label(run)],
                ["passed" if has_passed else "FAILED"],
                [Num(check["token_change"], digits=2)],
                [Short(check["bar"])],
                [DASH] if own is None else [Num(own, digits=2)],
                [DASH] if shift is None else [Num(shift, 2, signed=True)],
                [Num(check["mean_logprob_change"], digits=2)],
                [Num(check["max_logprob_change"], digits=2)],
                [count(check["n_same_picks"]), " of ", count(check["n_items"])],
            ]
        )
    return Expected([[name] for name in header], rows)


def speeds(raw: Raw) -> Expected:
    """Return the table of who computed what."""
    header = ["type", "computed", "begun", "threads", "items", "tokens", "scoring", "tokens/s"]
    rows: list[list[Cell]] = []
    last: list[list[Cell]] = []
    for run in raw.runs:
        found = [("in this run", run["speed"])] if run["speed"] else []
        found += [("before, from the store", each) for each in run["stored"]]
        source = run["from_reference"]
        found += [("for the reference file", each) for each in source["speeds"]] if source else []
        rows += [[[raw.label(run)], [when], *_speed(speed)] for when, speed in found]
        last += [[*_heat(told_heat(speed)), _device(run, speed)] for _, speed in found]
    header += ["CPUs busy elsewhere"]
    titles = ("hottest CPU, °C", "hottest GPU, °C", "held back, %", "device")
    for title, *cells in zip(titles, *last, strict=True):
        if any(cell != [DASH] for cell in cells):
            header.append(title)
            for row, cell in zip(rows, cells, strict=True):
                row.append(cell)
    return Expected([[name] for name in header], rows)


def _device(run: Json, speed: Json) -> Cell:
    gpus = list(dict.fromkeys(run["offload"]["devices"])) if run["offload"] else []
    device = speed["device"]
    return ["".join(f"{gpu} and " for gpu in gpus), device["cpu"], ", ", device["system"]]


def _heat(heat: Json | None) -> list[Cell]:
    """Return the hottest CPU and GPU, and for which share clocks were held back."""
    if heat is None:
        return [[DASH]] * 3
    share = held_share(heat)
    degrees = (heat["hottest_c"], heat["gpu_hottest_c"])
    return [
        *([DASH] if each is None else [Num(each, 0)] for each in degrees),
        [DASH] if share is None else [Num(100 * share, 1)],
    ]


def _speed(speed: Json) -> list[Cell]:
    load = speed["cpu_load"]
    return [
        [moment(speed["measured_at"]) if speed["measured_at"] else DASH],
        [DASH] if speed["threads"] is None else [count(speed["threads"])],
        [count(speed["n_items"])],
        [count(speed["tokens_decoded"])],
        [Span(speed["elapsed_s"])],
        speed_cell(speed),
        [DASH] if load is None else [Num(load, 1), f" of {speed['n_cpus']}"],
    ]


def contents(raw: Raw) -> Expected:
    """Return the table of what each file is made of."""
    header = ["type", "bits/weight", "weights", "importance matrix", "quantized by"]
    rows: list[list[Cell]] = []
    for run in raw.runs:
        weights: list[str | Part] = []
        for kind, share in ((run["mix"] or {}).get("shares") or {}).items():
            if share >= 0.005:
                weights += [", "] if weights else []
                weights += [Num(100 * Fraction(share), 0), f" % {kind}"]
        rows.append(
            [
                [raw.label(run)],
                [Num(run["bits_per_weight"], 2)],
                weights or [DASH],
                [run["imatrix"]["file"] if run["imatrix"] else "none"],
                [run["quantized_by"] or DASH],
            ]
        )
    return Expected([[name] for name in header], rows)


def files(raw: Raw) -> Expected:
    """Return the table of files."""
    header = ["type", "file", "bytes", "tokens decoded", "logit rows", "batch / ubatch"]
    header += ["attention", "loading", "scoring", "SHA-256"]
    rows: list[list[Cell]] = []
    for run in raw.runs:
        speed = run["speed"] or {"load_s": None, "elapsed_s": None}
        kind = "flash" if run["flash_attention"] else "plain"
        rows.append(
            [
                [raw.label(run)],
                [run["file"]],
                *([count(run[name])] for name in ("file_bytes", "tokens_decoded", "logit_rows")),
                [count(run["batch_tokens"]), " / ", count(run["n_ubatch"])],
                [f"{kind}, {run['cache_type']} cache"],
                *(
                    [DASH] if speed[name] is None else [Span(speed[name])]
                    for name in ("load_s", "elapsed_s")
                ),
                [run["sha256"]],
            ]
        )
    return Expected([[name] for name in header], rows)


def _expected(raw: Raw, grid: Grid, n_flips: int) -> Expected | None:
    """Return what a table has to be, by its headings; None of one that is not known."""
    kinds: dict[str, Callable[[Raw], Expected]] = {
        "Tokens/s": tables.ladder,
        "at most the margin worse": tables.differences,
        "mean Δ lead": tables.flips_by_group,
        "KL, nats": tables.divergences,
        "token": tables.positions,
        "decided": stopping,
        "self-check": self_checks,
        "computed": speeds,
        "weights": contents,
        "SHA-256": files,
    }
    header = grid.header
    label = header[4].removesuffix(" picks") if header[-1] == "change" else ""
    if label:
        return tables.flips(raw, label, n_flips)
    if f"{raw.reference} right" in header:
        return tables.groups(raw, grid.caption.partition(": ")[0])
    found = next((make for name, make in kinds.items() if name in header), None)
    if found is None and set(header[1:]) <= {"items", *raw.runs[0]["metrics"]}:
        found = tables.metrics
    return found(raw) if found else None


def wrong_tables(raw: Raw, grids: Sequence[Grid], n_flips: int = 20) -> Iterator[str]:
    """Yield where tables are others than the record makes them, in sentences.

    Args:
        raw: The record.
        grids: The tables of its page.
        n_flips: How many flips of each type are shown where their texts are not known.
    """
    for grid in grids:
        expected = _expected(raw, grid, n_flips)
        if expected is None:
            yield f"no test knows the table {grid.caption!r}, {grid.header}"
        else:
            yield from wrong_cells(grid, expected)


def facts(raw: Raw) -> dict[str, Cell]:
    """Return what facts say that are made of few fields, by their labels."""
    content = raw.content
    own = content["worker_peak_rss_bytes"]
    made = f"{moment(content['created_at'])} by edgeval {content['edgeval_version']}"
    found: dict[str, Cell] = {
        "Model SHA-256": [content["model"]["fingerprint"]],
        "Data SHA-256": [raw.data["fingerprint"]],
        "Parameters": [count(raw.runs[0]["n_params"])],
        "Device": _machine(content["device"]),
        "Peak memory": [
            Size(content["peak_rss_bytes"]),
            " resident",
            *([", of which llama.cpp's process ", Size(own)] if own is not None else []),
        ],
        "Elapsed": [Span(content["elapsed_s"])],
        "Made": [made],
    }
    if content["written_bytes"] is not None:
        found["Written to disk"] = [Size(content["written_bytes"])]
    source = raw.runs[0]["from_reference"]
    if source:
        found["Reference SHA-256"] = [source["sha256"]]
        of_machine = _machine(source["device"])
        found["Reference device"] = [*of_machine, f"; {source['device']['system']}"]
    matrices = [run["imatrix"] for run in raw.runs if run["imatrix"]]
    if matrices and matrices[0]["n_chunks"] is not None:
        file, dataset = matrices[0]["file"], matrices[0]["dataset"]
        chunks = count(matrices[0]["n_chunks"])
        found["Importance matrix"] = [f"{file}, from ", chunks, f" chunks of {dataset}"]
    return found


def _machine(device: Json) -> Cell:
    cores = "core" if device["physical_cores"] == 1 else "cores"
    return [
        *(f"{device['cpu']}; ", count(device["physical_cores"]), f" {cores} ("),
        *(count(device["logical_cores"]), " logical), ", Size(device["memory_bytes"])),
        " of memory",
    ]


def claim_facts(raw: Raw, claim: Json, verdict: Json) -> dict[str, Cell]:
    """Return what the facts of a judged claim say that are made of few fields."""
    total, scored = raw.data["n_total"], raw.counts[0]
    items: Cell = ["all ", count(total), " items"]
    if scored != total:
        items = ["a slice of ", count(scored), " of ", count(total), " items"]
    correct, n_items = claim["correct"], claim["n_items"]
    counted: Cell = [", ", count(correct), " of ", count(n_items), " items"] if correct else []
    points = "point" if claim["tolerance_points"] == 1 else "points"
    cited = verdict["claim_citation"]
    page = f", page {cited['pdf_page']}" if cited["pdf_page"] else ""
    return {
        "Published": [Num(claim["value"], claim["decimals"]), f" ({claim['metric']})", *counted],
        "Measured": [tables.percent(verdict["score"]), ", on ", *items],
        "Tolerance": ["±", Num(claim["tolerance_points"]), f" {points}"],
        "Source": [f"{cited['section']}{page}: row {cited['row']}, column {cited['column']}"],
        "Verdict": [f"{verdict['id']}, {moment(verdict['computed_at'])}"],
    }


def wrong_facts(raw: Raw, shown: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield where facts say otherwise than the record; those of a test's own claims in order."""
    known = facts(raw)
    verdicts = iter(raw.content["verdicts"])
    claims = iter(raw.content["claims"])
    for label, text in shown:
        if label == "Published":
            known |= claim_facts(raw, next(claims), next(verdicts))
        if label in known and not says(text, known[label]):
            yield f"the fact {label}: {text!r} is not {told(known[label])}"
    missing = known.keys() - {label for label, _ in shown}
    yield from (f"the fact {label} is not on the page" for label in sorted(missing))
