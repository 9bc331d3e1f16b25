"""run(): model → ladder → scores → drift → verdict → report."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from edgeval import __version__, cards, device, hub, importance, report
from edgeval.against_reference import compare_with, measure_reference
from edgeval.checkpoint import Checkpoint, sha256_of
from edgeval.drift import adjusted
from edgeval.engine import running
from edgeval.errors import EdgevalError, HubError
from edgeval.files import refuse_existing
from edgeval.ladder import Source, file_stem, ladder_files
from edgeval.progress import NoProgress, Progress
from edgeval.records import Claim, ModelSource, Report
from edgeval.reference import Reference, load_reference, matching
from edgeval.selfcheck import trusted
from edgeval.setup import Options, prepare
from edgeval.store import Store
from edgeval.verdict import judged

DEFAULT_LADDER = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_0", "Q3_K_M", "Q2_K")
RESULTS_FOLDER = Path("edgeval-results")

_TASK = "hellaswag"


@running()
def run(
    model: str = "demo",
    types: Sequence[str] = DEFAULT_LADDER,
    options: Options | None = None,
    *,
    imatrix: Path | None = None,
    reference_file: Path | None = None,
    out: Path | None = None,
    command: str = "",
    progress: Progress | None = None,
) -> tuple[Report, Path]:
    """Evaluate a model's ladder and write the report.

    Args:
        model: Card name, hub repository, checkpoint directory or GGUF file.
        types: File types of the ladder, the reference first unless that is a file.
        options: What is evaluated and how.
        imatrix: An importance matrix: what it changes is evaluated without it and with it.
        reference_file: A reference file: all types are compared with it, and its own is not
            evaluated.
        out: Folder of the report; must not hold one. By default a new one in ``edgeval-results``.
        command: The command line, for the record.
        progress: Where to show progress.

    Returns:
        The record, and the folder it was written to.

    Raises:
        EdgevalError: If anything cannot be used; nothing half-written is left.
    """
    started = time.perf_counter()
    created_at = datetime.now(timezone.utc)
    bars = progress or NoProgress()
    options = options or Options()
    known = None if reference_file is None else load_reference(reference_file)
    names = _ladder_types(types, known)
    folder = out or RESULTS_FOLDER / f"{file_stem(model)}-{created_at:%Y%m%dT%H%M%SZ}"
    refuse_existing(folder / "report.json")
    place = locate(model)
    matrix = None if imatrix is None else importance.read(imatrix)
    setup = prepare(_with_card_data(options, place.card))
    if known is not None:
        matching.require_items(known, setup)
    source = find_source(place, offline=options.offline, progress=bars)
    setup = replace(setup, checkpoint=source.info if source.kind == "checkpoint" else None)
    if known is not None:
        matching.require_checkpoint(known, setup.checkpoint)
    paths = ladder_files(source, names, threads=setup.threads, progress=bars, matrix=matrix)
    if known is not None:
        matching.require_model(known, paths[0])
        for note in matching.notes(known, setup):
            bars.log(note)
    claims, other_claims = _claims(source.card)
    with Store(options.store) as store:
        setup = trusted(paths, setup, store, bars)
        if known is not None:
            reference = known.measured(setup)
        else:
            reference = measure_reference(paths.pop(0), setup, store, bars, claims)
        others = [compare_with(reference, path, setup, store, bars) for path in paths]
    measured = Report(
        edgeval_version=__version__,
        created_at=created_at,
        command=command,
        model=source.info,
        data=setup.data_of(reference.scores.keys()),
        protocol=setup.protocol_info(),
        engine=setup.engine(),
        device=device.describe(),
        runs=[reference.run, *(each.run for each, _ in others)],
        drift=adjusted([found for _, found in others]),
        other_claims=other_claims,
        elapsed_s=time.perf_counter() - started,
        peak_rss_bytes=device.peak_rss_bytes(),
    )
    record = judged(measured, claims)
    report.save(record, folder)
    return record, folder


@dataclass(frozen=True)
class Place:
    """Where a model is, before anything is read or downloaded: a path or a hub repository."""

    card: cards.Card | None = None
    path: Path | None = None
    repo: str | None = None
    revision: str = "main"


def locate(model: str) -> Place:
    """Find a model by card name, path or hub repository, without the network.

    Raises:
        EdgevalError: If there is no such card or path, or the directory is no checkpoint.
    """
    card = cards.find(model)
    if card is not None and card.checkpoint is not None:
        return Place(card, path=cards.cards_folder() / card.checkpoint)
    if card is not None:
        return Place(card, repo=card.repo, revision=card.revision)
    path = Path(model)
    if path.is_dir():
        return Place(path=Checkpoint(path).directory)
    if path.is_file():
        return Place(path=path)
    if path.suffix == ".gguf" or path.is_absolute() or model.startswith((".", "~")):
        raise EdgevalError(f"nothing at {model}; check the path")
    if hub.is_repo_id(model):
        return Place(repo=model)
    raise cards.unknown_model(model)


def find_source(place: Place, *, offline: bool = False, progress: Progress | None = None) -> Source:
    """Return a located model as a local checkpoint or GGUF, downloaded if need be.

    Raises:
        EdgevalError: If it cannot be read or downloaded.
    """
    card, commit = place.card, None
    if place.path is not None:
        path = place.path
        # Only a file's name ends in a suffix: a directory may be called model-1.5t.
        name = path.resolve().name if path.is_dir() else path.stem
    else:
        repo = str(place.repo)
        try:
            found = hub.fetch_checkpoint(repo, place.revision, offline=offline, progress=progress)
        except HubError as error:
            if card is not None:
                raise
            raise HubError(f"no local path {repo}, and as a hub repository: {error}") from error
        path, name, commit = found.path, repo, found.commit
    info = ModelSource(
        name=card.name if card else name,
        title=card.title if card else name,
        repo=place.repo,
        revision=commit,
        fingerprint=Checkpoint(path).fingerprint if path.is_dir() else sha256_of(path),
    )
    return Source(path, "checkpoint" if path.is_dir() else "gguf", info, card)


def _ladder_types(types: Sequence[str], reference: Reference | None = None) -> list[str]:
    """Return the types to evaluate; that of a reference file is not."""
    with running() as engine:
        names = [engine.file_type(name) for name in types]
    if not names:
        raise EdgevalError("the ladder is empty; name at least one type with --quant")
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise EdgevalError(f"{repeated} is in the ladder twice; name each type once in --quant")
    if reference is None:
        return names
    own = reference.header.type
    left = [name for name in names if name != own]
    if not left:
        raise EdgevalError(
            f"{reference.path} is {own}, and so is all of the ladder; add a type to --quant that "
            "is compared with it"
        )
    return left


def _with_card_data(options: Options, card: cards.Card | None) -> Options:
    if options.data is None and card is not None and card.data is not None:
        return replace(options, data=cards.cards_folder() / card.data)
    return options


def _claims(card: cards.Card | None) -> tuple[list[Claim], list[Claim]]:
    """Return a card's claims on the evaluated task, and those on other tasks."""
    if card is None:
        return [], []
    return card.claims_on(_TASK), [claim for claim in card.claims if claim.task != _TASK]
