"""Tables of a page, cell by cell from the record: rows by type, columns by their headings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from tests.helpers.numbers.page import Grid
from tests.helpers.numbers.printed import (
    DASH,
    About,
    Bound,
    Cell,
    Chance,
    Num,
    Size,
    says,
    told,
)
from tests.helpers.numbers.raw import Json, Raw, best_kl, is_lost


@dataclass
class Expected:
    """What a table has to be."""

    header: list[Cell]
    rows: list[list[Cell]]


def percent(fraction: float, decimals: int = 2) -> Num:
    """Return a fraction in percent."""
    return Num(100 * Fraction(fraction), decimals)


def count(value: int) -> Num:
    """Return a count."""
    return Num(value, 0)


def plain_interval(interval: Json) -> Cell:
    """Return an interval of fractions in percent, with one decimal."""
    return ["[", percent(interval["low"], 1), ", ", percent(interval["high"], 1), "]"]


def interval_of(points: Json, margin: float) -> Cell:
    """Return an interval in points."""
    return ["[", Bound(points["low"], margin), ", ", Bound(points["high"], margin), "]"]


def split_interval(raw: Raw, drift: Json) -> Cell:
    """Return the interval of a difference on the split; nothing where it is certain."""
    if raw.is_exact(drift):
        return []
    return interval_of(drift["split"]["interval_points"], raw.margin)


def speed_cell(speed: Json | None) -> Cell:
    """Return tokens a second with their standard error."""
    if not speed or speed["tokens_per_s"] is None:
        return [DASH]
    cell: list[str | Num] = [rate(speed["tokens_per_s"])]
    if speed.get("tokens_per_s_error") is not None:
        cell += [" \N{PLUS-MINUS SIGN} ", Num(speed["tokens_per_s_error"])]
    return cell


def rate(value: float) -> Num:
    """Return a rate with three digits or more."""
    return Num(value, 0 if value >= 99.95 else 1)


def level_of(interval: Json) -> Cell:
    """Return the level of an interval."""
    return [Num(100 * Fraction(interval["level"])), "%"]


def together(raw: Raw) -> Cell:
    """Return how sure the intervals of differences are."""
    if not raw.is_sample:
        return ["certain"]
    level = level_of(raw.drifts[0]["split"]["interval_points"])
    sampled = [drift for drift in raw.drifts if not raw.is_exact(drift)]
    if len(sampled) < 2:
        return level
    are = all(drift["split"]["n_compared"] >= len(sampled) for drift in sampled)
    return [*level, " together" if are else " each"]


def ladder_row(raw: Raw, run: Json) -> dict[str, Cell]:
    """Return the parts of a type's row in any ladder."""
    drift = raw.drift_of.get(raw.label(run)) if run is not raw.runs[0] else None
    estimate, counted = raw.estimate(run), raw.accuracy(run)
    ends, speed = estimate["interval"], run["speed"]
    is_marked = speed and (speed["n_items"] < counted["total"] or is_loaded(speed))
    parts: dict[str, Cell] = {
        "size": [Size(run["file_bytes"])],
        "bits": [Num(run["bits_per_weight"], 2)],
        "items": [count(counted["total"])],
        "accuracy": [percent(estimate["value"])],
        "interval": ["exact"] if ends["low"] == ends["high"] else plain_interval(ends),
        "outcome": [raw.outcome(run)],
        "speed": [*speed_cell(speed), *(["*"] if is_marked else [])],
        "difference": [raw.outcome(run)],
        "split": [],
        "new": [DASH],
        "counts": [DASH],
        "flips": [DASH],
        "agreement": [DASH],
    }
    if drift is None:
        return parts
    lost, gained = count(drift["right_to_wrong"]), count(drift["wrong_to_right"])
    parts |= {
        "difference": [Num(drift["difference_points"], 2, signed=True)],
        "split": split_interval(raw, drift),
        "counts": [lost, " / ", gained],
        "flips": [lost, " lost / ", gained, " gained"],
    }
    if drift["new_items"]:
        parts["new"] = interval_of(drift["new_items"], raw.margin)
    if drift["pick_agreement"] is not None:
        parts["agreement"] = [percent(drift["pick_agreement"])]
    return parts


def is_loaded(speed: Json) -> bool:
    """Return whether other processes slowed a computation, as the record's documents say it."""
    load, n_cpus = speed["cpu_load"], speed["n_cpus"]
    if load is None or n_cpus is None or load < 0.25:
        return False
    return (speed["threads"] or 0) + load > n_cpus or load >= 0.1 * n_cpus


def ladder(raw: Raw) -> Expected:
    """Return the ladder of a page."""
    chance = raw.data["chance"]
    agrees = any(drift["pick_agreement"] is not None for drift in raw.drifts)
    is_new = any(drift["new_items"] for drift in raw.drifts)
    level = level_of(raw.accuracy(raw.runs[0])["split_interval"]) if raw.is_sample else ["certain"]
    several = " together" if len(raw.drifts) > 1 else ""
    columns: list[tuple[Cell, Callable[[dict[str, Cell]], Cell] | str]] = [
        (["Bits per\nweight"], "bits"),
        *([(["Items"], "items")] if raw.is_uneven else []),
        (
            [
                "Accuracy, %",
                *(["\nchance ", percent(chance)] if chance is not None else []),
                *(["\n", *level] if raw.is_slice else []),
            ],
            lambda row: [*row["accuracy"], *(["\n", *row["interval"]] if raw.is_slice else [])],
        ),
    ]
    if raw.drifts:
        columns += [
            (
                ["Difference", *(["\n", *together(raw)] if raw.is_slice else [])],
                lambda row: [*row["difference"], *(["\n", *row["split"]] if row["split"] else [])],
            ),
            (["Outcome"], "outcome"),
            *([(["On new items\n", *new_level(raw), several], "new")] if is_new else []),
            (["Flips\nlost / gained"], "counts"),
            *([(["Agreement,\n%"], "agreement")] if agrees else []),
        ]
    columns.append((["Tokens/s"], "speed"))
    rows = []
    for run in raw.runs:
        row = ladder_row(raw, run)
        source = f"\nfrom {run['from_reference']['file']}" if run["from_reference"] else ""
        name: Cell = [raw.label(run), source, "\n", *row["size"]]
        rows.append([name, *(row[of] if isinstance(of, str) else of(row) for _, of in columns)])
    rows += [
        [
            [raw.label(each)],
            *(["failed" if "Accuracy" in str(head[0]) else DASH] for head, _ in columns),
        ]
        for each in raw.failures
    ]
    return Expected([["Type"], *(head for head, _ in columns)], rows)


def new_level(raw: Raw) -> Cell:
    """Return the level of the first interval for new items."""
    return level_of(next(drift["new_items"] for drift in raw.drifts if drift["new_items"]))


def differences(raw: Raw) -> Expected:
    """Return the table of differences and of what is known of each."""
    is_new = any(drift["new_items"] for drift in raw.drifts)
    needs = any(drift["split"]["items_for_power"] for drift in raw.drifts)
    header = ["type", "difference", *(["95% split"] if raw.is_slice else []), "outcome"]
    header += ["at most the margin worse", *(["items for 90% power"] if needs else [])]
    header += ["95% new items", "McNemar p", "Holm p"] if is_new else []
    rows = []
    for drift in raw.drifts:
        split, needed = drift["split"], drift["split"]["items_for_power"]
        row: list[Cell] = [[raw.label(drift)], [Num(drift["difference_points"], 2, signed=True)]]
        row += [split_interval(raw, drift) or ["exact"]] if raw.is_slice else []
        row += [[split["outcome"]], ["yes" if split["non_inferior"] else "not shown"]]
        row += [[DASH if needed is None else About(needed)]] if needs else []
        if is_new:
            ps = (drift["mcnemar_p"], drift["mcnemar_p_holm"])
            new = drift["new_items"]
            row.append([DASH] if new is None else interval_of(new, raw.margin))
            row += [[DASH] if p is None else [Chance(p)] for p in ps]
        rows.append(row)
    return Expected([[name] for name in header], rows)


def flips_by_group(raw: Raw) -> Expected:
    """Return the table of flips by group and of changes of log-probabilities."""
    groups = raw.data["groups"]
    names: list[Cell] = [
        [name] if raw.is_uneven else [f"{name} (", count(n), " items)"]
        for name, n in groups.items()
    ]
    changes = ["mean Δ logprob", "mean |Δ|", "RMS Δ", "p99 |Δ|", "mean Δ lead"]
    rows = []
    for drift in raw.drifts:
        counts = Counter((flip["group"], is_lost(flip)) for flip in drift["flips"])
        rows.append(
            [
                [raw.label(drift)],
                *(
                    [count(counts[name, True]), " lost / ", count(counts[name, False]), " gained"]
                    for name in groups
                ),
                [Num(drift["mean_logprob_change"], 4, signed=True)],
                [Num(drift["mean_abs_logprob_change"], 3)],
                [Num(drift["rms_logprob_change"], 3)],
                [Num(drift["p99_abs_logprob_change"], 3)],
                [Num(drift["mean_margin_shift"], 4, signed=True)],
            ]
        )
    return Expected([["type"], *names, *([name] for name in changes)], rows)


def flips(raw: Raw, label: str, n_shown: int) -> Expected:
    """Return the first flips of a type."""
    header = ["item", "group", "gold", f"{raw.reference} picks", f"{label} picks", "change"]
    shown = raw.drift_of[label]["flips"][:n_shown]
    rows: list[list[Cell]] = [
        [
            [flip["item"]],
            [flip["group"]],
            *([str(flip[name])] for name in ("gold", "reference_pick", "pick")),
            ["lost" if is_lost(flip) else "gained"],
        ]
        for flip in shown
    ]
    return Expected([[name] for name in header], rows)


def divergences(raw: Raw) -> Expected:
    """Return the table of KL divergences."""
    header = ["type", "KL, nats", "standard error", "lower bound", "upper estimate"]
    header += ["remainder, %", "same top token, %", "lost", "gained", "difference", "items"]
    rows = []
    for drift in raw.drifts:
        found = drift["divergence"]
        if found is None:
            continue
        nats = (found["kl_full_nats"], best_kl(found)[1], found["kl_nats"], found["kl_upper_nats"])
        mass = found["remainder_mass"]
        rows.append(
            [
                [raw.label(drift)],
                *([DASH] if each is None else [Num(each, digits=3)] for each in nats),
                [DASH] if mass is None else [percent(mass)],
                [percent(found["top1_agreement"])],
                [count(drift["right_to_wrong"])],
                [count(drift["wrong_to_right"])],
                [Num(drift["difference_points"], 2, signed=True)],
                [count(found["n_items"])],
                [count(found["n_positions"])],
            ]
        )
    return Expected([[name] for name in [*header, "positions"]], rows)


def range_of(each: Json) -> Cell:
    """Return the tokens of a choice that a divergence is of."""
    first, last = count(each["first"]), count(each["last"])
    return [first] if each["first"] == each["last"] else [first, " to ", last]


def positions(raw: Raw) -> Expected:
    """Return the table of KL divergences by the token of a choice."""
    known = {
        label: {each["first"]: each for each in drift["divergence"]["by_position"]}
        for label, drift in raw.drift_of.items()
        if (drift["divergence"] or {}).get("by_position")
    }
    rows: list[list[Cell]] = []
    for first in sorted({first for of_type in known.values() for first in of_type}):
        found = [of_type.get(first) for of_type in known.values()]
        row: list[Cell] = [range_of(next(filter(None, found)))]
        for kl, error in (best_kl(each) if each else (None, None) for each in found):
            error_told: Cell = [] if error is None else [" ± ", Num(error, digits=3)]
            row.append([DASH] if kl is None else [Num(kl, digits=3), *error_told])
        rows.append(row)
    return Expected([["token"], *([label] for label in known)], rows)


def groups(raw: Raw, label: str) -> Expected:
    """Return the table of a type's groups."""
    (found,) = (each for each in raw.evidence["groups"] if each["label"] == label)
    header = ["group", "items", f"{raw.reference} right", "right", "lost", "gained"]
    names = ("n_items", "reference_right", "right", "lost", "gained")
    rows: list[list[Cell]] = [
        [[each["group"]], *([count(each[name])] for name in names)] for each in found["groups"]
    ]
    return Expected([[name] for name in header], rows)


def metrics(raw: Raw) -> Expected:
    """Return the table of all metrics."""
    names = list(dict.fromkeys(name for run in raw.runs for name in run["metrics"]))
    header = ["type", *(["items"] if raw.is_uneven else []), *names]
    rows: list[list[Cell]] = [
        [
            [raw.label(run)],
            *([[count(raw.accuracy(run)["total"])]] if raw.is_uneven else []),
            *(
                [percent(run["metrics"][name]["value"])] if name in run["metrics"] else [DASH]
                for name in names
            ),
        ]
        for run in raw.runs
    ]
    return Expected([[name] for name in header], rows)


def wrong_cells(grid: Grid, expected: Expected) -> list[str]:
    """Return where a table is another than it has to be, in sentences."""
    if len(grid.rows) != len(expected.rows):
        return [f"{grid.caption!r} has {len(grid.rows)} rows, not {len(expected.rows)}"]
    found = []
    for row, cells in zip(
        [grid.header, *grid.rows], [expected.header, *expected.rows], strict=True
    ):
        if len(row) != len(cells):
            found.append(f"{grid.caption!r} has {len(row)} columns, not {len(cells)}: {row}")
            continue
        found += [
            f"{grid.caption!r}, {row[0]!r}, {name!r}: {text!r} is not {told(cell)}"
            for name, text, cell in zip(grid.header, row, cells, strict=True)
            if not says(text, cell)
        ]
    return found
