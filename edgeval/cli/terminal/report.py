"""A ladder, and an evaluation without one, as tables for the terminal."""

from __future__ import annotations

from edgeval.gguf.remarks import mix_in_short
from edgeval.records import Evaluation, Interval, Report
from edgeval.report import formatting as fmt
from edgeval.report import speeds
from edgeval.report.failures import FAILED
from edgeval.report.items import counted_items, slice_sentence
from edgeval.report.ladder import ladder_rows
from edgeval.report.record_view import RecordView
from edgeval.report.speeds import rate
from edgeval.system.console import Lines, Said, Table


def ladder_table(view: RecordView[Report]) -> Table:
    """Return a row for each type, the reference first and those that failed last."""
    report = view.record
    metric = report.protocol.metric
    what = f"{report.model.title}, protocol {report.protocol.label}"
    table = Table(f"{what}: {slice_sentence(view)}")
    has_items, is_known = view.is_uneven, not view.is_slice
    # Those of an accuracy that is a difference away from another say what the difference's do.
    has_intervals = not is_known and not view.is_estimated
    has_new_items = is_known and view.has_new_items
    table.add_column("type")
    # Narrow, so that a screen of 120 holds them all.
    bits: Said = Lines("bits/", "weight") if view.drifts else "bits/weight"
    titles: list[Said] = ["size", bits, *(["items"] if has_items else []), metric]
    titles += ["95 %" if view.is_sample else "certain"] if has_intervals else []
    if view.drifts:
        titles += ["difference", "outcome", *(["new items"] if has_new_items else [])]
        titles.append(Lines("lost/", "gained"))
    # What a narrow screen has no room for, the least wanted first.
    leaving = (bits, "new items", "95 %", "certain", "size", "tokens/s")
    for title in (*titles, "tokens/s"):
        leaves = leaving.index(title) + 1 if title in leaving else 0
        table.add_column(title, right=title != "outcome", leaves=leaves)
    for row in ladder_rows(view):
        difference = row.difference if row.counts != speeds.EMPTY else speeds.EMPTY
        compared = (difference, row.outcome, *([row.new_items] if has_new_items else []))
        table.add_row(
            _type(row.type, row.mix, row.source),
            row.size,
            row.bits_per_weight,
            *([row.items] if has_items else []),
            row.accuracy,
            *([row.interval] if has_intervals else []),
            *((*compared, row.counts) if view.drifts else ()),
            row.tokens_per_s,
        )
    before = 3 if has_items else 2
    for failure in report.failures:
        cells = [*[speeds.EMPTY] * before, FAILED, *[speeds.EMPTY] * (len(titles) - before)]
        table.add_row(failure.label, *cells)
    return table


def evaluation_table(view: RecordView[Evaluation]) -> Table:
    """Return a row for each GGUF, those that failed last."""
    result = view.record
    metric = result.protocol.metric
    known = dict.fromkeys(name for run in result.runs[:1] for name in run.metrics)
    names = [metric, *(name for name in known if name != metric)]
    table = Table(f"{counted_items(view)}, protocol {result.protocol.label}")
    has_items = view.is_uneven
    table.add_column("file")
    table.add_column("type")
    titles = [*(["items"] if has_items else []), *names]
    sure = "95 %" if view.is_sample else "certain"
    for title in (*titles, f"{metric} {sure}", "new items", "tokens/s"):
        table.add_column(title, right=True)
    for row in view.runs:
        run = row.run
        table.add_row(
            run.file,
            _type(run.label, mix_in_short(run.mix)),
            *([f"{row.n_items:,}"] if has_items else []),
            *(
                fmt.accuracy(run.metrics[name].value) if name in run.metrics else speeds.EMPTY
                for name in names
            ),
            fmt.accuracy_interval(row.accuracy.split_interval),
            _interval(row.accuracy.interval),
            rate(row),
        )
    for failure in result.failures:
        cells = [*([speeds.EMPTY] if has_items else []), FAILED, *[speeds.EMPTY] * (len(names) + 2)]
        table.add_row(failure.file, failure.type, *cells)
    return table


def _interval(interval: Interval | None) -> str:
    return speeds.EMPTY if interval is None else fmt.accuracy_interval(interval)


def _type(label: str, mix: str, source: str = "") -> Lines:
    """Return what stands in the column of types: the mix and the source below the type."""
    last = mix or label
    of = (f"{label}:", mix) if mix else (label,)
    return Lines(*of[:-1], f"{last},", source) if source else Lines(*of)
