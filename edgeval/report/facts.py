"""Facts: how a record was measured and what was claimed, one line a subject."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from edgeval.errors import listed, plural
from edgeval.records import Citation, Claim, ClaimCitation, Conditions, Machine, Report, Verdict
from edgeval.records.claims import NOT_STATED
from edgeval.report import formatting as fmt
from edgeval.report import hardware
from edgeval.report.items import reference_items, slice_sentence
from edgeval.report.machines import (
    backend_and_threads,
    check_of_run,
    plain_kernels,
    self_check,
    where,
)
from edgeval.report.record_view import RecordView
from edgeval.report.speeds import from_store, in_full

_View = RecordView[Report]


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


def location(cited: Citation | ClaimCitation) -> str:
    """Return where a claim stands within its source."""
    page = f", page {cited.pdf_page}" if cited.pdf_page is not None else ""
    places = (("row", cited.row), ("column", cited.column))
    cell = ", ".join(f"{name} {place}" for name, place in places if place)
    return f"{cited.section}{page}{': ' if cell else ''}{cell}"


def citation(cited: Citation | ClaimCitation) -> str:
    """Return the paper, where a claim stands within it, and what stands there."""
    paper = f"arXiv:{cited.paper_arxiv_id}, " if cited.paper_arxiv_id else ""
    words = f", “{cited.quoted_text}”" if cited.quoted_text else ""
    return f"{paper}{location(cited)}{words}"


def facts(view: RecordView[Report]) -> list[Fact]:
    """Return how it was measured, one line a subject."""
    report = view.record
    model, data, engine, device = report.model, report.data, report.engine, report.device
    groups = ", ".join(f"{name} {count:,}" for name, count in data.groups.items())
    counted = view.reference or max(view.runs, key=lambda run: run.n_items)
    whose = f" of {counted.run.label}" if view.is_uneven else ""
    return [
        _model_fact(report),
        Fact("Model SHA-256", model.fingerprint, is_hash=True),
        Fact("Parameters", f"{report.runs[0].n_params:,}"),
        *_imatrix_facts(report),
        *_reference_facts(view),
        Fact("Items", f"{slice_sentence(view)}; by group{whose}: {groups}"),
        Fact("Data SHA-256", data.fingerprint, is_hash=True),
        Fact(
            "Protocol",
            f"{report.protocol.label}; version {report.protocol.version}; "
            f"primary metric {report.protocol.metric}",
        ),
        *_shot_facts(report),
        Fact("Engine", f"llama.cpp through {engine.version}"),
        Fact("Backend", backend_and_threads(view)),
        *_kernel_facts(report),
        *_self_check_facts(report),
        Fact("Features", engine.features),
        Fact("Device", _machine(device)),
        *_hardware_facts(report),
        Fact("System", _system(device)),
        *_store_facts(view),
        Fact("Elapsed", f"{fmt.duration(report.elapsed_s)}{_without(view)}"),
        Fact("Peak memory", _peak_memory(report) + _not_loaded(view)),
        *_written_facts(report),
        Fact("Made", f"{fmt.moment(report.created_at)} by edgeval {report.edgeval_version}"),
    ]


def claim_facts(view: RecordView[Report], claim: Claim, verdict: Verdict) -> list[Fact]:
    """Return what one verdict's claim is, one line a subject."""
    return [
        _published(claim),
        Fact("Measured", f"{fmt.accuracy(verdict.score)}, on {reference_items(view)}"),
        *_source_facts(claim, verdict.claim_citation),
        Fact("Protocol match", verdict.protocol_match),
        *_note_facts(verdict.claim_citation.notes),
        Fact("Verdict", f"{verdict.id}, {fmt.moment(verdict.computed_at)}"),
    ]


def unjudged_facts(claim: Claim) -> list[Fact]:
    """Return what a claim is that nothing was measured for, one line a subject."""
    return [
        _published(claim),
        *_source_facts(claim, claim.citation),
        *_note_facts(claim.notes),
    ]


def _published(claim: Claim) -> Fact:
    count = f", {claim.correct:,} of {claim.n_items:,} items" if claim.correct is not None else ""
    metric = f"metric {NOT_STATED}" if claim.metric == NOT_STATED else claim.metric
    return Fact("Published", f"{claim.printed} ({metric}){count}")


def _source_facts(claim: Claim, cited: Citation | ClaimCitation) -> list[Fact]:
    facts = [
        Fact("Tolerance", f"±{fmt.points(claim.tolerance_points)}"),
        Fact("Source", location(cited)),
    ]
    if cited.paper_arxiv_id:
        url = paper_url(cited.paper_arxiv_id)
        facts.append(Fact("Paper", f"arXiv:{cited.paper_arxiv_id}", url))
    if cited.quoted_text:
        facts.append(Fact("Quoted", f"“{cited.quoted_text}”"))
    return facts


def _note_facts(notes: str) -> list[Fact]:
    text = notes.strip("; ")
    return [Fact("Notes", text)] if text else []


def _model_fact(report: Report) -> Fact:
    model = report.model
    if model.repo is None:
        return Fact("Model", model.name)
    revision = model.revision or "main"
    url = f"https://huggingface.co/{quote(model.repo)}/tree/{quote(revision)}"
    return Fact("Model", f"{model.repo} at {revision}", url)


def _reference_facts(view: _View) -> list[Fact]:
    """Return what measured a reference that is from a file; nothing of one measured here."""
    run = view.reference.run if view.reference else None
    if run is None or run.from_reference is None:
        return []
    known = run.from_reference
    backend, check = where(known.backend, run.offload), check_of_run(run)
    return [
        Fact(
            "Reference",
            f"{run.label}, from {known.file} of {fmt.moment(known.created_at)}; it was not "
            "evaluated here",
        ),
        Fact("Reference SHA-256", known.sha256, is_hash=True),
        Fact("Reference engine", f"llama.cpp through {known.engine}, on backend {backend}"),
        *([Fact("Reference self-check", check)] if check else []),
        Fact("Reference features", known.features),
        Fact(
            "Reference device",
            f"{_machine(known.device)}; {known.device.system}",
        ),
        Fact(
            "Reference speed",
            " and ".join(in_full(speed, known.devices) for speed in known.speeds)
            or "not known, an older edgeval wrote the file without threads and times",
        ),
    ]


def _store_facts(view: _View) -> list[Fact]:
    """Return which scores this run took from the store, and who computed them."""
    metric = view.record.protocol.metric
    return [
        Fact(
            "From the store",
            f"{run.n_from_store:,} of the {run.metrics[metric].total:,} items of {name}, computed "
            f"on {from_store(run)}",
        )
        for name, run in view.named
        if run.n_from_store
    ]


def _without(view: _View) -> str:
    """Return what the command took no time for; empty where it scored everything."""
    names = [name for name, run in view.named if run.n_from_store]
    return f", without what the store had of {listed(names)}" if names else ""


def _not_loaded(view: _View) -> str:
    """Return which models the command had no memory for; empty where it scored with all."""
    names = [name for name, run in view.named if run.n_from_store and run.speed is None]
    return f", without {listed(names)}, which the store knew" if names else ""


def _kernel_facts(report: Report) -> list[Fact]:
    plain = plain_kernels(report.runs)
    return [Fact("Kernels", f"llama.cpp's plain ones for {plain}")] if plain else []


def _self_check_facts(report: Report) -> list[Fact]:
    check = self_check(report.engine.backend, report.runs)
    return [Fact("Self-check", check)] if check else []


def _peak_memory(report: Report) -> str:
    worker = report.worker_peak_rss_bytes
    part = "" if worker is None else f", of which llama.cpp's process {fmt.size(worker)}"
    return f"{fmt.size(report.peak_rss_bytes)} resident{part}"


def _written_facts(report: Report) -> list[Fact]:
    n_bytes = report.written_bytes
    return [] if n_bytes is None else [Fact("Written to disk", fmt.size(n_bytes))]


def _machine(device: Machine) -> str:
    n_cores = device.physical_cores
    cores = f"{n_cores} {plural(n_cores, 'core')} ({device.logical_cores} logical)"
    return f"{device.cpu}; {cores}, {fmt.size(device.memory_bytes)} of memory"


def _system(device: Machine) -> str:
    name = f"{device.os}, " if device.os else ""
    return f"{name}{device.system}, {device.machine}, Python {device.python}"


def _hardware_facts(report: Report) -> list[Fact]:
    """Return what is known of the machine besides, and what it computed under."""
    device, conditions = report.device, report.conditions or Conditions()
    found = {
        "Board": hardware.board(device),
        "Cores": hardware.core_kinds(device),
        "Memory": hardware.memory_kind(device),
        "Limits": hardware.limits(device),
        "Conditions": hardware.conditions(conditions),
        "Storage": conditions.storage or "",
    }
    return [Fact(label, text) for label, text in found.items() if text]


def _shot_facts(report: Report) -> list[Fact]:
    pool = report.data.shot_pool
    if pool is None:
        return []
    return [
        Fact("Shots", f"{report.protocol.shots} an item, of {pool.n_items:,} in {pool.name}"),
        Fact("Shots SHA-256", pool.fingerprint, is_hash=True),
    ]


def _imatrix_facts(report: Report) -> list[Fact]:
    facts = []
    for matrix in dict.fromkeys(run.imatrix for run in report.runs if run.imatrix is not None):
        chunks = "" if matrix.n_chunks is None else f"{matrix.n_chunks:,} chunks of "
        source = "" if matrix.dataset is None else f", from {chunks}{matrix.dataset}"
        facts.append(Fact("Importance matrix", matrix.file + source))
        if matrix.sha256 is not None:
            facts.append(Fact("Importance matrix SHA-256", matrix.sha256, is_hash=True))
    return facts
