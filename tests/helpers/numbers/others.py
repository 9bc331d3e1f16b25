"""Pages of several records: their tables and charts, from the JSON that the commands print."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.helpers.numbers.charts import all_rows, data_of, differing
from tests.helpers.numbers.page import Grid, Island, Parts
from tests.helpers.numbers.printed import DASH, Cell, Chance, Num, Size, moment
from tests.helpers.numbers.raw import Json, Raw
from tests.helpers.numbers.tables import (
    Expected,
    count,
    interval_of,
    is_loaded,
    ladder_row,
    percent,
    plain_interval,
    rate,
    speed_cell,
    wrong_cells,
)

_NARROW = 1e-9
"""Points; a difference over several tasks that is certain is no wider."""


def _ends(interval: Json) -> Cell:
    """Return an interval of an accuracy, or that it is exact."""
    return ["exact"] if interval["low"] == interval["high"] else plain_interval(interval)


def _points(points: float, interval: Json, margin: float) -> Cell:
    """Return a difference, with its interval if it has a width."""
    told: Cell = [Num(points, 2, signed=True)]
    if interval["high"] - interval["low"] < _NARROW:
        return told
    return [*told, " ", *interval_of(interval, margin)]


# Several tasks


def _task_rows(raw: Raw, *, is_slice: bool) -> Iterator[list[Cell]]:
    task: Cell = [raw.data["task"]]
    for run in raw.runs:
        row, drift = ladder_row(raw, run), raw.drift_of.get(raw.label(run))
        interval = ["\n", *row["interval"]] if is_slice else []
        cells = [task, [raw.label(run)], row["items"], [*row["accuracy"], *interval]]
        if run is raw.runs[0] or drift is None:
            yield [*cells, [DASH], row["outcome"], [DASH], [DASH]]
            continue
        split, p = [" ", *row["split"]] if row["split"] else [], drift["mcnemar_p_holm"]
        difference = [*row["difference"], *split]
        chance: Cell = [DASH] if p is None else [Chance(p)]
        yield [*cells, difference, row["outcome"], row["counts"], chance]
    for failure in raw.failures:
        rest: list[Cell] = [[DASH], [DASH], [DASH], ["failed"], [DASH], [DASH]]
        yield [task, [raw.label(failure)], *rest]


def _rows_of_all(suite: Json, *, is_slice: bool) -> Iterator[list[Cell]]:
    pooled = {each["label"]: each for each in suite["pooled"]}
    for label, each in pooled.items():
        found = each["by_items"]
        yield [
            ["all items"],
            [label],
            [count(each["n_items"])],
            [DASH],
            _points(found["difference_points"], found["split"], each["margin_points"]),
            [found["outcome"]],
            [count(each["right_to_wrong"]), " / ", count(each["wrong_to_right"])],
            [Chance(each["mcnemar_p_holm"])] if each["mcnemar_p_holm"] is not None else [DASH],
        ]
    for mean in suite["averages"]:
        drift = pooled.get(mean["label"])
        interval = ["\n", *_ends(mean["split_interval"])] if is_slice else []
        difference, outcome = [DASH], "reference" if pooled else "not compared"
        if drift is not None:
            found, outcome = drift["by_tasks"], drift["by_tasks"]["outcome"]
            difference = [
                *_points(found["difference_points"], found["split"], drift["margin_points"])
            ]
        accuracy = [percent(mean["value"]), *interval]
        names: list[Cell] = [["mean of tasks"], [mean["label"]], [DASH]]
        yield [*names, accuracy, difference, [outcome], [DASH], [DASH]]


def _task_points(raws: list[Raw], suite: Json) -> dict[str, list[Json]]:
    """Return the rows of the chart of tasks, by type."""
    rows: dict[str, list[Json]] = {}

    def add(label: str, task: str, points: float, split: Json, outcome: str, margin: float) -> None:
        row = {"task": task, "difference": points, "outcome": outcome, "is_recommended": False}
        told: Cell = [Num(points, 2, signed=True)]
        if split["low"] < split["high"]:
            row |= {"low": split["low"], "high": split["high"]}
            told = [*told, " ", *interval_of(split, margin)]
        rows.setdefault(label, []).append(row | {"told": told})

    for raw in raws:
        for label, drift in raw.drift_of.items():
            split, points = drift["split"], drift["difference_points"]
            ends, outcome = split["interval_points"], split["outcome"]
            add(label, raw.data["task"], points, ends, outcome, split["margin_points"])
    for each in suite["pooled"]:
        found = each["by_items"]
        points, split, outcome = found["difference_points"], found["split"], found["outcome"]
        add(each["label"], "all items", points, split, outcome, each["margin_points"])
    return rows


def wrong_in_suite(page: Parts, suite: Json) -> Iterator[str]:
    """Yield where the page of several tasks says otherwise than its record."""
    raws = [Raw(each) for each in suite["reports"]]
    is_slice = any(raw.is_slice for raw in raws)
    accuracy = "Accuracy, %\n95%" if is_slice else "Accuracy, %"
    names = ["Task", "Type", "Items", accuracy, "Difference", "Outcome"]
    rows = [row for raw in raws for row in _task_rows(raw, is_slice=is_slice)]
    rows += _rows_of_all(suite, is_slice=is_slice)
    header: list[Cell] = [[name] for name in [*names, "Flips\nlost / gained", "Holm p"]]
    (grid,), (island,) = page.grids, page.islands
    yield from wrong_cells(grid, Expected(header, rows))
    wanted = _task_points(raws, suite)
    specs = zip(island.choices, island.content["specs"], strict=True)
    for name, spec in specs:
        yield from all_rows(next(data_of(spec)), wanted[name], f"tasks, {name}")


# Records side by side


def _difference(run: Json) -> Cell:
    beside = run["beside"]
    if beside is None:
        return [DASH]
    split = beside["split"]
    points, margin = split["interval_points"], split["margin_points"]
    interval = [] if points["low"] == points["high"] else [*interval_of(points, margin), " "]
    return [Num(beside["difference_points"], 2, signed=True), " ", *interval, split["outcome"]]


def _speed(run: Json) -> Cell:
    speed, ratio = run["run"]["speed"], run["speed_ratio"]
    if not speed or speed["tokens_per_s"] is None:
        return [DASH]
    most = max(each["total"] for each in run["run"]["metrics"].values())
    mark = "*" if is_loaded(speed) or speed["n_items"] < most else ""
    times: Cell = [] if ratio is None else [" (\N{MULTIPLICATION SIGN}", Num(ratio, 2), ")"]
    return [rate(speed["tokens_per_s"]), mark, *times]


def _right(run: Json, metric: str) -> Cell:
    if run["standing"] in ("reference", "not comparable"):
        other = f"not compared: {', '.join(run['reasons'])}"
        return ["is the first" if run["standing"] == "reference" else other]
    pair = run["metrics"][metric]
    distance = pair["correct"] - pair["reference_correct"]
    apart: Cell = [" (", Num(distance, 0, signed=True), ")"] if distance else []
    standing = "DIFFERS" if run["standing"] == "differs" else run["standing"]
    return [count(run["run"]["metrics"][metric]["correct"]), *apart, f" {standing}"]


def _standings(comparison: Json) -> dict[tuple[str, str], tuple[Json, Json]]:
    """Return each run with its record, by type and the label of the record."""
    return {
        (each["name"], machine["label"]): (machine, run)
        for each in comparison["types"]
        for machine, run in zip(comparison["machines"], each["runs"], strict=True)
        if run is not None
    }


def wrong_in_comparison(page: Parts, comparison: Json) -> Iterator[str]:
    """Yield where the page of records side by side says otherwise than their comparison."""
    known, board = _standings(comparison), page.grids[0]
    pairs = [(row[0], row[1]) for row in board.rows]
    if sorted(pairs) != sorted(known):
        yield f"the leaderboard has {pairs}"
        return
    values = []
    for (type_name, label), row in zip(pairs, board.rows, strict=True):
        machine, run = known[type_name, label]
        metric = machine["protocol"]["metric"]
        measured, file = run["run"]["metrics"][metric], run["run"]
        value, ends = _accuracy(machine, run)
        values.append(value)
        cells: dict[str, Cell] = {
            "accuracy, %": [percent(value)],
            "interval": _ends(ends),
            "items": [count(measured["total"])],
            "difference": _difference(run),
            "right, beside the first": _right(run, metric),
            "size": [Size(file["file_bytes"])],
            "bits/weight": [Num(file["bits_per_weight"], 2)],
            "tokens/s": _speed(run),
            "date": [moment(machine["created_at"])],
        }
        shown = {name: each for name, each in zip(board.header, row, strict=True) if name in cells}
        header: list[Cell] = [[name] for name in cells]
        grid = Grid(f"leaderboard, {type_name} of {label}", list(shown), [list(shown.values())])
        yield from wrong_cells(grid, Expected(header, [list(cells.values())]))
    if values != sorted(values, reverse=True):
        yield f"the most accurate are not first: {values}"
    yield from _wrong_marks(page.islands, known)


def _wrong_marks(
    islands: list[Island], known: dict[tuple[str, str], tuple[Json, Json]]
) -> Iterator[str]:
    for island in islands:
        for spec in island.content["specs"]:
            for layer in data_of(spec):
                for row in layer:
                    machine, run = known[row["type"], row["series"]]
                    wanted = _mark(machine, run) | {"label": row["label"]}
                    yield from differing(row, wanted, f"{island.figure}, {row['type']}")
                # Records have the same files: the first at a place is labelled, and no other.
                labels = {row["label"] for row in layer} - {""}
                types = {row["type"] for row in layer}
                if labels - types or (len(layer) == len(known) and labels != types):
                    yield f"{island.figure} is labelled {labels}"


def _accuracy(machine: Json, run: Json) -> tuple[float, Json]:
    """Return a run's accuracy on the split and its interval: counted, or from the reference's."""
    estimate = (run["beside"] or {}).get("accuracy")
    if estimate:
        return estimate["value"], estimate["interval"]
    measured = run["run"]["metrics"][machine["protocol"]["metric"]]
    return measured["value"], measured["split_interval"]


def _mark(machine: Json, run: Json) -> Json:
    """Return a run's row of a chart."""
    file, beside, speed = run["run"], run["beside"], run["run"]["speed"]
    value, ends = _accuracy(machine, run)
    name = file["type"]
    row: Json = {
        "series": machine["label"],
        "type": name,
        "rank": 0 if run["standing"] == "reference" else 1,
        "is_recommended": False,
        "mebibytes": file["file_bytes"] / 1024 / 1024,
        "bits": file["bits_per_weight"],
        "accuracy": 100 * value,
        "told_size": [Size(file["file_bytes"])],
        "told_difference": _difference(run),
        "told_speed": _speed(run),
        "told_accuracy": [percent(value)],
    }
    if ends["low"] < ends["high"]:
        row |= {"accuracy_low": 100 * ends["low"], "accuracy_high": 100 * ends["high"]}
        row["told_accuracy"] += [" ", *plain_interval(ends)]
    if beside is not None:
        points = beside["split"]["interval_points"]
        row["difference"] = beside["difference_points"]
        if points["low"] < points["high"]:
            row |= {"difference_low": points["low"], "difference_high": points["high"]}
    if speed and speed["tokens_per_s"] is not None:
        row["tokens_per_s"] = speed["tokens_per_s"]
    return row


# Runs over time


def _nats(value: Any) -> Cell:
    return [DASH] if value is None else [Num(value, digits=2)]


def wrong_in_history(page: Parts, history: Json) -> Iterator[str]:
    """Yield where the page of a history says otherwise than the history."""
    names = ["run", "date", "engine", "items", "accuracy, %", "interval", "new picks"]
    names += ["lost / gained", "mean change", "largest change", "tokens/s"]
    header: list[Cell] = [[name] for name in names]
    rows: list[list[Cell]] = []
    marks: dict[str, Json] = {}
    for run in (run for each in history["measurements"] for run in each["runs"]):
        scores, accuracy = (run["change"] or {}).get("scores") or {}, run["accuracy"]
        picks: Cell = [count(scores["n_new_picks"])] if scores.get("n_items") else [DASH]
        counts: Cell = [DASH]
        if scores.get("lost") is not None:
            counts = [count(scores["lost"]), " / ", count(scores["gained"])]
        told: Cell = [percent(accuracy["value"])] if accuracy else [DASH]
        speed = run["speed"]
        rows.append(
            [
                *([str(run["number"])], [moment(run["created_at"])], [run["setting"]["engine"]]),
                *([count(run["n_items"])], told),
                *(_ends(accuracy["split_interval"]) if accuracy else [DASH], picks, counts),
                *(_nats(scores.get("mean_nats")), _nats(scores.get("largest_nats"))),
                speed_cell(speed),
            ]
        )
        begun = datetime.fromisoformat(run["created_at"].replace("Z", "+00:00"))
        mark: Json = {"at_ms": begun.timestamp() * 1000, "told_picks": picks}
        mark |= {"told_accuracy": told, "told_speed": speed_cell(speed)}
        if accuracy:
            mark["accuracy"] = 100 * accuracy["value"]
        if scores.get("n_items"):
            mark |= {name: scores[name] for name in ("mean_nats", "largest_nats")}
            mark["new_picks"] = scores["n_new_picks"]
        if speed and speed["tokens_per_s"] is not None:
            mark["tokens_per_s"] = speed["tokens_per_s"]
        marks[str(run["number"])] = mark
    at = [page.grids[0].header.index(name) for name in names]
    shown = [[row[place] for place in at] for row in page.grids[0].rows]
    yield from wrong_cells(Grid("runs", names, shown), Expected(header, rows))
    for spec in page.islands[0].content["specs"]:
        for row in next(data_of(spec)):
            numbers = {*marks[row["run"]], "accuracy", "new_picks", "tokens_per_s"}
            found = {name: each for name, each in row.items() if name in numbers}
            yield from differing(found, marks[row["run"]], f"the chart of run {row['run']}")
