"""Charts of a page: the data of their specifications, row by row from the record."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

from tests.helpers.numbers.page import Island
from tests.helpers.numbers.printed import MINUS, Cell, Num, Size, says, told
from tests.helpers.numbers.raw import Json, Raw, best_kl, is_lost, told_energy
from tests.helpers.numbers.tables import ladder_row, range_of

_CLOSE = 1e-9


def data_of(spec: Any) -> Iterator[list[Json]]:
    """Yield the rows that a specification draws, layer by layer, its own first."""
    if isinstance(spec, dict):
        if isinstance(spec.get("data"), dict):
            yield spec["data"]["values"]
        for name, each in spec.items():
            if name != "data":
                yield from data_of(each)
    elif isinstance(spec, list):
        for each in spec:
            yield from data_of(each)


def is_same(found: Any, wanted: Any) -> bool:
    """Return whether a value of a row is what it has to be."""
    if isinstance(wanted, float | int) and not isinstance(wanted, bool):
        return isinstance(found, float | int) and math.isclose(found, wanted, rel_tol=_CLOSE)
    if isinstance(wanted, list):
        return isinstance(found, str) and says(found, wanted)
    return bool(found == wanted)


def differing(row: Json, wanted: Json, where: str) -> Iterator[str]:
    """Yield where a row is another than it has to be."""
    if row.keys() != wanted.keys():
        yield f"{where} has {sorted(row.keys() ^ wanted.keys())}, or has it not: {row}"
        return
    for name, value in wanted.items():
        if not is_same(row[name], value):
            shown = told(value) if isinstance(value, list) else value
            yield f"{where}, {name}: {row[name]!r} is not {shown!r}"


def type_rows(raw: Raw) -> dict[str, Json]:
    """Return the row of each compared type and of the reference, by their labels."""
    taken = raw.recommended()
    energies = [told_energy(run["speed"]) for run in raw.measured]
    has_energy = len({each[0]["source"] for each in energies if each}) == 1
    rows = {}
    for rank, run in enumerate(raw.runs):
        if raw.outcome(run) == "not compared":
            continue
        label, estimate, speed = raw.label(run), raw.estimate(run), run["speed"]
        drift = raw.drift_of.get(label) if rank else None
        parts, ends = ladder_row(raw, run), estimate["interval"]
        told_difference = [
            *parts["difference"],
            *([" ", *parts["split"]] if parts["split"] else []),
        ]
        row = {
            "rank": -1 if run is taken else rank,
            "type": label,
            "label": f"{label} (take this)" if run is taken else label,
            "is_recommended": run is taken,
            "outcome": raw.outcome(run),
            "mebibytes": run["file_bytes"] / 1024 / 1024,
            "bits": run["bits_per_weight"],
            "accuracy": 100 * estimate["value"],
            "difference": drift["difference_points"] if drift else 0,
            "told_size": [Size(run["file_bytes"])],
            "told_bits": [Num(run["bits_per_weight"], 2)],
            "told_accuracy": [*parts["accuracy"], " ", *parts["interval"]],
            "told_difference": told_difference,
            "told_speed": parts["speed"],
        }
        if ends["low"] != ends["high"]:
            row |= {"accuracy_low": 100 * ends["low"], "accuracy_high": 100 * ends["high"]}
        if drift and not raw.is_exact(drift):
            points = drift["split"]["interval_points"]
            row |= {"low": points["low"], "high": points["high"]}
        if speed and not run["from_reference"] and speed["tokens_per_s"] is not None:
            row["tokens_per_s"] = speed["tokens_per_s"]
        if has_energy and (energy := told_energy(speed)):
            row["joules_per_item"] = energy[0]["joules"] / speed["n_items"]
        if drift and drift["divergence"]:
            row["kl"] = best_kl(drift["divergence"])[0]
        rows[label] = row
    return rows


def _claim_row(raw: Raw) -> Json:
    claim = raw.content["claims"][0]
    value, tolerance = claim["value"], claim["tolerance_points"]
    points = "point" if tolerance == 1 else "points"
    printed: Cell = ["published ", Num(value, claim["decimals"]), " ± ", Num(tolerance)]
    row = {"value": value, "low": value - tolerance, "high": value + tolerance}
    return row | {"told": [*printed, f" {points}"]}


def _of_types(raw: Raw, island: Island) -> Iterator[str]:
    """Check the charts of drift and of quality: every row of every layer of each choice."""
    rows = type_rows(raw)
    others = [{"low": -raw.margin, "high": raw.margin}, {"zero": 0}]
    if island.figure == "chart-quality":
        others = [_claim_row(raw)] if raw.content["claims"] else []
    for spec in island.content["specs"]:
        layers = list(data_of(spec))
        named = [row for layer in layers for row in layer if "type" in row]
        for row in named:
            yield from differing(row, rows.get(row["type"], {}), f"{island.figure}: {row['type']}")
        for row in (row for layer in layers for row in layer if "type" not in row):
            if not any(not list(differing(row, other, "")) for other in others):
                yield f"{island.figure} has a row that no field gives: {row}"
    first = [row["type"] for row in next(data_of(island.content["specs"][0]))]
    if first != list(rows):
        yield f"{island.figure} has the types {first}, not {list(rows)}"


def _kl_row(found: Json, prefix: str = "") -> Json:
    kl, error = best_kl(found)
    error_told: Cell = [" ± ", Num(error, digits=2)] if error else []
    return {
        "kl": kl,
        f"{prefix}low": max(kl - (error or 0.0), kl / 10),
        f"{prefix}high": kl + (error or 0.0),
        "told": [Num(kl, digits=2), *error_told, " nats"],
    }


def _of_divergences(raw: Raw, island: Island) -> Iterator[str]:
    wanted = [
        {"type": raw.label(drift), **_kl_row(drift["divergence"])}
        for drift in raw.drifts
        if drift["divergence"] and best_kl(drift["divergence"])[0] > 0
    ]
    yield from all_rows(next(data_of(island.content["specs"][0])), wanted, island.figure)


def _of_positions(raw: Raw, island: Island) -> Iterator[str]:
    wanted = []
    for drift in raw.drifts:
        found = (drift["divergence"] or {}).get("by_position", [])
        shown = [each for each in found if each["n_items"] > 1 and best_kl(each)[0] > 0]
        for each in shown if len(shown) > 1 else ():
            row = {"series": raw.label(drift), "first": each["first"], **_kl_row(each, "kl_")}
            row |= {"tokens": range_of(each), "positions": [Num(each["n_positions"], 0)]}
            wanted.append(row)
    rows = [row for spec in island.content["specs"] for row in next(data_of(spec))]
    yield from all_rows(rows, wanted, island.figure)


def all_rows(rows: list[Json], wanted: list[Json], where: str) -> Iterator[str]:
    """Yield where rows are others than they have to be, in their order."""
    if len(rows) != len(wanted):
        yield f"{where} has {len(rows)} rows, not {len(wanted)}"
        return
    for row, each in zip(rows, wanted, strict=True):
        yield from differing(row, each, where)


def _of_changes(raw: Raw, island: Island) -> Iterator[str]:
    def edge(value: float) -> Cell:
        return [f"{value:g}".replace("-", MINUS)]

    edges = raw.evidence["change_edges_nats"]
    pairs = itertools.pairwise(edges)
    ranges: list[Cell] = [["below ", *edge(edges[0])]]
    ranges += [[*edge(low), " to ", *edge(high)] for low, high in pairs]
    ranges.append(["from ", *edge(edges[-1])])
    yield from _of_each(
        island,
        {
            each["label"]: [
                {"range": name, "choices": n}
                for name, n in zip(ranges, each["counts"], strict=True)
            ]
            for each in raw.evidence["changes"]
        },
    )


def _of_each(island: Island, wanted: dict[str, list[Json]]) -> Iterator[str]:
    """Check a chart that shows a type at a time, by the names that a reader chooses among."""
    specs = island.content["specs"]
    names = island.choices if len(specs) > 1 else list(wanted)
    if names != list(wanted) or len(specs) != len(names):
        yield f"{island.figure} has {len(specs)} charts of {names}, not of {list(wanted)}"
        return
    for name, spec in zip(names, specs, strict=True):
        yield from all_rows(next(data_of(spec)), wanted[name], f"{island.figure} of {name}")


def _of_looks(raw: Raw, island: Island) -> Iterator[str]:
    stopped = {
        raw.label(run): run["stopping"]
        for run in raw.runs
        if run["stopping"]
        and len(run["stopping"].get("looks", [])) > 1
        and (not raw.drifts or raw.label(run) in raw.drift_of)
    }
    names = {"items": "n_items", "value": "value_points", "low": "low_points"}
    names["high"] = "high_points"
    yield from _of_each(
        island,
        {
            label: [{name: look[field] for name, field in names.items()} for look in each["looks"]]
            for label, each in stopped.items()
        },
    )
    for spec, each in zip(island.content["specs"], stopped.values(), strict=True):
        band = [row for layer in list(data_of(spec))[1:] for row in layer]
        margin = {"low": -each["points"], "high": each["points"]}
        yield from all_rows(band, [margin] if raw.drifts else [], f"{island.figure}, its band")


def _of_groups(raw: Raw, island: Island) -> Iterator[str]:
    wanted = {}
    for counted in raw.evidence["groups"]:
        if len(counted["groups"]) < 2:
            continue
        wanted[counted["label"]] = [
            {
                "group": each["group"],
                "items": sign * each[what],
                "what": what,
                "told": [Num(each[what], 0), f" {what}"],
            }
            for each in counted["groups"][:25]
            for sign, what in ((-1, "lost"), (1, "gained"))
        ]
    yield from _of_each(island, wanted)


def _of_flips(raw: Raw, island: Island) -> Iterator[str]:
    content = island.content
    known = raw.evidence["flips"]
    if content["reference"] != raw.reference or len(content["flips"]) > len(known):
        yield f"the flips are of {content['reference']}, {len(content['flips'])} of them"
        return
    same = ("label", "item", "group", "context", "choices", "gold", "reference_pick", "pick")
    decimals = {"reference_logprobs": 2, "logprobs": 2, "reference_values": 4, "values": 4}
    for shown, flip in zip(content["flips"], known, strict=False):
        where = f"the flip {flip['item']} of {flip['label']}"
        wanted = {name: flip[name] for name in same if name != "choices"}
        wanted["kind"] = "lost" if is_lost(flip) else "gained"
        rest = {name: each for name, each in shown.items() if name in wanted}
        yield from differing(rest, wanted, where)
        if shown["choices"] != flip["choices"]:
            yield f"{where} has other choices"
        for name, places in decimals.items():
            cells: list[Cell] = [[Num(each, places)] for each in flip[name]]
            if len(cells) != len(shown[name]) or not all(map(says, shown[name], cells)):
                yield f"{where}, {name}: {shown[name]} is not {flip[name]}"


_KINDS = {
    "chart-drift": _of_types,
    "chart-quality": _of_types,
    "chart-divergence": _of_divergences,
    "chart-positions": _of_positions,
    "chart-changes": _of_changes,
    "chart-looks": _of_looks,
    "chart-groups": _of_groups,
    "": _of_flips,
}


def wrong_charts(raw: Raw, islands: list[Island]) -> Iterator[str]:
    """Yield where what scripts read is not what the record gives, in sentences."""
    for island in islands:
        try:
            yield from _KINDS[island.figure](raw, island)
        except (KeyError, ValueError) as error:
            yield f"{island.figure} has what the record has not: {error!r}"
