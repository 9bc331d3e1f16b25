"""A ladder, and an evaluation without one, as tables for the terminal."""

from __future__ import annotations

from edgeval.gguf.remarks import mix_in_short
from edgeval.records import Evaluation, Interval, Report
from edgeval.report import formatting as fmt
from edgeval.report import speeds, view
from edgeval.report.comparison import is_counted, is_estimated
from edgeval.report.failures import FAILED
from edgeval.report.items import counted_items, is_sample, is_uneven, items_of, slice_sentence
from edgeval.report.speeds import rate
from edgeval.system.console import Lines, Said, Table


def ladder_table(report: Report) -> Table:
    """Return a row for each type, the reference first and those that failed last."""
    metric = report.protocol.metric
    what = f"{report.model.title}, protocol {report.protocol.label}"
    table = Table(f"{what}: {slice_sentence(report)}")
    has_items, is_known = is_uneven(report), is_counted(report)
    # Those of an accuracy that is a difference away from another say what the difference's do.
    has_intervals = not is_known and not is_estimated(report)
    has_new_items = is_known and any(found.new_items for found in report.drift)
    table.add_column("type")
    # Narrow, so that a screen of 120 holds them all.
    bits: Said = Lines("bits/", "weight") if report.drift else "bits/weight"
    titles: list[Said] = ["size", bits, *(["items"] if has_items else []), metric]
    titles += ["95 %" if is_sample(report) else "certain"] if has_intervals else []
    if report.drift:
        titles += ["difference", "outcome", *(["new items"] if has_new_items else [])]
        titles.append(Lines("lost/", "gained"))
    # What a narrow screen has no room for, the least wanted first.
    leaving = (bits, "new items", "95 %", "certain", "size", "tokens/s")
    for title in (*titles, "tokens/s"):
        leaves = leaving.index(title) + 1 if title in leaving else 0
        table.add_column(title, right=title != "outcome", leaves=leaves)
    for row in view.ladder_rows(report):
        difference = row.difference if row.counts != speeds.EMPTY else speeds.EMPTY
        compared = (difference, row.reading, *([row.new_items] if has_new_items else []))
        table.add_row(
            _type(row.type, row.mix, row.source),
            row.size,
            row.bits_per_weight,
            *([row.items] if has_items else []),
            row.accuracy,
            *([row.interval] if has_intervals else []),
            *((*compared, row.counts) if report.drift else ()),
            row.tokens_per_s,
        )
    before = 3 if has_items else 2
    for failure in report.failures:
        cells = [*[speeds.EMPTY] * before, FAILED, *[speeds.EMPTY] * (len(titles) - before)]
        table.add_row(failure.label, *cells)
    return table


def evaluation_table(result: Evaluation) -> Table:
    """Return a row for each GGUF, those that failed last."""
    metric = result.protocol.metric
    known = dict.fromkeys(name for run in result.runs[:1] for name in run.metrics)
    names = [metric, *(name for name in known if name != metric)]
    table = Table(f"{counted_items(result)}, protocol {result.protocol.label}")
    has_items = is_uneven(result)
    table.add_column("file")
    table.add_column("type")
    titles = [*(["items"] if has_items else []), *names]
    sure = "95 %" if is_sample(result) else "certain"
    for title in (*titles, f"{metric} {sure}", "new items", "tokens/s"):
        table.add_column(title, right=True)
    for run in result.runs:
        table.add_row(
            run.file,
            _type(run.label, mix_in_short(run.mix)),
            *([f"{items_of(result, run):,}"] if has_items else []),
            *(
                fmt.accuracy(run.metrics[name].value) if name in run.metrics else speeds.EMPTY
                for name in names
            ),
            fmt.accuracy_interval(run.metrics[metric].split_interval),
            _interval(run.metrics[metric].interval),
            rate(result, run),
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
