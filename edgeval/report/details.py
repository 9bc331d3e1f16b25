"""The tables behind the ladder: flips, all metrics, the files, and how it was measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from urllib.parse import quote

from edgeval.records import Citation, ClaimCitation, Drift, Equivalence, Flip, Report
from edgeval.report import formatting as fmt
from edgeval.report.comparison import compared_runs
from edgeval.report.view import items_in_short, slice_sentence


@dataclass(frozen=True)
class Table:
    """A table of text; the first column names the row.

    Attributes:
        header: Name of each column.
        rows: The cells of each row.
        words: Columns that hold words; the others hold numbers.
        hashes: Columns that hold hashes.
    """

    header: list[str]
    rows: list[list[str]]
    words: tuple[int, ...] = (0,)
    hashes: tuple[int, ...] = ()


@dataclass(frozen=True)
class FlipTable:
    """The flipped items of one type, as far as they are shown."""

    summary: str
    table: Table


@dataclass(frozen=True)
class Fact:
    """One line of how it was measured."""

    label: str
    text: str
    url: str | None = None
    is_hash: bool = False


def paper_url(arxiv_id: str) -> str:
    """Return the address of a paper."""
    return f"https://arxiv.org/abs/{quote(arxiv_id)}"


def place(cited: Citation | ClaimCitation) -> str:
    """Return where a claim stands within its source."""
    page = f", page {cited.pdf_page}" if cited.pdf_page is not None else ""
    return f"{cited.section}{page}: row {cited.row}, column {cited.column}"


def difference_table(report: Report) -> Table:
    """Return each type's difference with both intervals and what they say, a row a type."""
    header = ["type", "difference"]
    drifts = _drifts(report)
    level = fmt.level(drifts[0].split.interval_points) if drifts else ""
    for population in ("new items", "split"):
        header += [f"{level} {population}", f"reading, {population}"]
    header += ["non-inferior", "Holm p"]
    empty = "\N{EN DASH}"
    rows = []
    for found in drifts:
        is_exact = found.split.interval_points.low == found.split.interval_points.high
        new, p = found.new_items, found.mcnemar_p_holm
        rows.append(
            [
                found.label,
                fmt.signed(found.difference_points, 2),
                fmt.difference_interval(new) if new else empty,
                _words(new) if new else empty,
                "exact" if is_exact else fmt.difference_interval(found.split),
                _words(found.split),
                _non_inferior(found),
                empty if p is None else fmt.p_value(p),
            ]
        )
    return Table(header, rows, words=(0, 3, 5, 6))


def drift_table(report: Report) -> Table:
    """Return the flips of each group and the changes of the log-probabilities, a row a type."""
    groups = report.data.groups
    header = [
        "type",
        *(f"{name} ({count:,} items)" for name, count in groups.items()),
        "mean Δ logprob",
        "mean |Δ|",
        "RMS Δ",
        "p99 |Δ|",
        "mean Δ lead",
    ]
    rows = []
    for found in _drifts(report):
        counts = Counter((flip.group, _is_lost(flip)) for flip in found.flips)
        rows.append(
            [
                found.label,
                *(f"{counts[g, True]:,} lost / {counts[g, False]:,} gained" for g in groups),
                fmt.signed(found.mean_logprob_change, 4),
                fmt.plain(found.mean_abs_logprob_change, 3),
                fmt.plain(found.rms_logprob_change, 3),
                fmt.plain(found.p99_abs_logprob_change, 3),
                fmt.signed(found.mean_margin_shift, 4),
            ]
        )
    return Table(header, rows)


def flip_tables(report: Report, shown: int) -> list[FlipTable]:
    """Return the first flipped items of each type that has any.

    Args:
        report: The record, which holds all of them.
        shown: How many of each type.
    """
    return [_flip_table(found, shown) for found in _drifts(report) if found.flips]


def metrics_table(report: Report) -> Table:
    """Return every metric in percent, a row a type."""
    names = list(dict.fromkeys(name for run in report.runs for name in run.metrics))
    rows = [
        [
            run.label,
            *(
                fmt.accuracy(run.metrics[name].value) if name in run.metrics else "\N{EN DASH}"
                for name in names
            ),
        ]
        for run in report.runs
    ]
    return Table(["type", *names], rows)


def files_table(report: Report) -> Table:
    """Return how each file was run, a row a type."""
    header = [
        "type",
        "file",
        "bytes",
        "tokens decoded",
        "logit rows",
        "batch / ubatch",
        "attention",
        "loading",
        "scoring",
        "SHA-256",
    ]
    rows = [
        [
            run.label,
            run.file,
            f"{run.file_bytes:,}",
            f"{run.tokens_decoded:,}",
            f"{run.logit_rows:,}",
            f"{run.batch_tokens:,} / {run.n_ubatch:,}",
            f"{'flash' if run.flash_attention else 'plain'}, {run.cache_type} cache",
            fmt.duration(run.load_s),
            fmt.duration(run.elapsed_s),
            run.sha256,
        ]
        for run in report.runs
    ]
    return Table(header, rows, words=(0, 1, 6, 9), hashes=(9,))


def facts(report: Report) -> list[Fact]:
    """Return how it was measured, one line a subject."""
    model, data, engine, device = report.model, report.data, report.engine, report.device
    groups = ", ".join(f"{name} {count:,}" for name, count in data.groups.items())
    plural = "" if device.physical_cores == 1 else "s"
    cores = f"{device.physical_cores} core{plural} ({device.logical_cores} logical)"
    return [
        _model_fact(report),
        Fact("Model SHA-256", model.fingerprint, is_hash=True),
        Fact("Parameters", f"{report.runs[0].n_params:,}"),
        *_imatrix_facts(report),
        Fact("Items", f"{slice_sentence(report)}; by group: {groups}"),
        Fact("Data SHA-256", data.fingerprint, is_hash=True),
        Fact(
            "Protocol",
            f"{report.protocol.label}; version {report.protocol.version}; "
            f"primary metric {report.protocol.metric}",
        ),
        *_shot_facts(report),
        Fact("Engine", f"llama.cpp through {engine.version}"),
        Fact("Backend", f"{engine.backend}, {engine.threads} threads"),
        Fact("Features", engine.features),
        Fact("Device", f"{device.cpu}; {cores}, {fmt.size(device.memory_bytes)} of memory"),
        Fact("System", f"{device.system}, {device.machine}, Python {device.python}"),
        Fact("Elapsed", fmt.duration(report.elapsed_s)),
        Fact("Peak memory", f"{fmt.size(report.peak_rss_bytes)} resident"),
        Fact("Made", f"{fmt.moment(report.created_at)} by edgeval {report.edgeval_version}"),
    ]


def claim_facts(report: Report, index: int) -> list[Fact]:
    """Return what one verdict's claim is, one line a subject."""
    verdict = report.verdicts[index]
    claim = verdict.claim_citation
    tolerance = fmt.points(report.claims[index].tolerance_points)
    found = [
        Fact("Published", f"{fmt.plain(claim.reported_value, 2)} ({claim.reported_metric})"),
        Fact("Measured", f"{fmt.accuracy(verdict.score)}, on {items_in_short(report)}"),
        Fact("Tolerance", f"±{tolerance}"),
        Fact("Source", place(claim)),
    ]
    if claim.paper_arxiv_id:
        url = paper_url(claim.paper_arxiv_id)
        found.append(Fact("Paper", f"arXiv:{claim.paper_arxiv_id}", url))
    if claim.quoted_text:
        found.append(Fact("Quoted", f"“{claim.quoted_text}”"))
    found.append(Fact("Protocol match", verdict.protocol_match))
    if notes := claim.notes.strip("; "):
        found.append(Fact("Notes", notes))
    return [*found, Fact("Verdict", f"{verdict.id}, {fmt.moment(verdict.computed_at)}")]


def _model_fact(report: Report) -> Fact:
    model = report.model
    if model.repo is None:
        return Fact("Model", model.name)
    revision = model.revision or "main"
    url = f"https://huggingface.co/{quote(model.repo)}/tree/{quote(revision)}"
    return Fact("Model", f"{model.repo} at {revision}", url)


def _shot_facts(report: Report) -> list[Fact]:
    pool = report.data.shot_pool
    if pool is None:
        return []
    return [
        Fact("Shots", f"{report.protocol.shots} an item, of {pool.n_items:,} in {pool.name}"),
        Fact("Shots SHA-256", pool.fingerprint, is_hash=True),
    ]


def _imatrix_facts(report: Report) -> list[Fact]:
    found = []
    for matrix in dict.fromkeys(run.imatrix for run in report.runs if run.imatrix is not None):
        chunks = "" if matrix.n_chunks is None else f"{matrix.n_chunks:,} chunks of "
        source = "" if matrix.dataset is None else f", from {chunks}{matrix.dataset}"
        found.append(Fact("Importance matrix", matrix.file + source))
        if matrix.sha256 is not None:
            found.append(Fact("Importance matrix SHA-256", matrix.sha256, is_hash=True))
    return found


def _drifts(report: Report) -> list[Drift]:
    return [found for _, found in compared_runs(report) if found is not None]


def _words(said: Equivalence) -> str:
    if said.items_needed is None:
        return said.status
    return f"{said.status} ({fmt.about(said.items_needed)} more)"


def _non_inferior(found: Drift) -> str:
    if found.stated.non_inferior:
        return "yes"
    return "on this split" if found.split.non_inferior else "not shown"


def _is_lost(flip: Flip) -> bool:
    return flip.reference_pick == flip.gold


def _flip_table(found: Drift, most: int) -> FlipTable:
    shown = found.flips[:most]
    total = f"{len(found.flips):,} flipped item{'s' if len(found.flips) > 1 else ''}"
    part = "" if len(shown) == len(found.flips) else f", the first {len(shown)}"
    header = ["item", "group", "gold", f"{found.reference} picks", f"{found.label} picks", "change"]
    rows = [
        [
            flip.item,
            flip.group,
            str(flip.gold),
            str(flip.reference_pick),
            str(flip.pick),
            "lost" if _is_lost(flip) else "gained",
        ]
        for flip in shown
    ]
    return FlipTable(f"{found.label}: {total}{part}", Table(header, rows, words=(0, 1, 5)))
