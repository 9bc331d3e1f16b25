"""Location of a model: a card, a hub repository, a checkpoint directory or GGUFs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from edgeval.checkpoints import cards
from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.checkpoints.ready_files import ReadyFile, in_folder, matching, source_repo
from edgeval.errors import EdgevalError, HubError
from edgeval.gguf.contents import joint_hash, sha256_of
from edgeval.gguf.part_names import model_stem
from edgeval.gguf.parts import model_files, read_header
from edgeval.hub import fetch, names
from edgeval.hub.gguf_repo import ALL
from edgeval.hub.ggufs import GgufRepo, RemoteGguf, chosen, fetch_ggufs, list_ggufs
from edgeval.records import ModelSource
from edgeval.system.progress import Progress
from edgeval.system.untrusted import printable

_MOST_SHOWN = 30


@dataclass(frozen=True)
class ModelFiles:
    """A model found: a checkpoint directory, a GGUF, or several; and how it is cited.

    Attributes:
        path: The checkpoint directory, or the first GGUF.
        kind: ``checkpoint``, or ``gguf``.
        info: How it is cited.
        card: Its card, if it has one.
        ggufs: The GGUFs, if it is any.
    """

    path: Path
    kind: Literal["checkpoint", "gguf"]
    info: ModelSource
    card: cards.Card | None = None
    ggufs: tuple[ReadyFile, ...] = ()


@dataclass(frozen=True)
class ModelLocation:
    """Where a model is, before anything large is read or downloaded.

    Attributes:
        card: Its card, if it has one.
        path: A checkpoint directory, or the only GGUF.
        repo: A repository of the hub.
        revision: Branch, tag or commit of that.
        ggufs: The GGUFs, if it is any: one, or several of a ladder.
        base_model: The repository that GGUFs say they are of.
        named: Repositories of the hub, or GGUFs in them, that were named: what they hold is not
            known before the hub was asked.
        remote: GGUFs of the hub that were chosen, with the repositories that they are in.
    """

    card: cards.Card | None = None
    path: Path | None = None
    repo: str | None = None
    revision: str = "main"
    ggufs: tuple[ReadyFile, ...] = ()
    base_model: str | None = None
    named: tuple[names.ModelName, ...] = ()
    remote: tuple[tuple[GgufRepo, tuple[RemoteGguf, ...]], ...] = ()


def model_names(model: str | Path | Sequence[str | Path]) -> list[str]:
    """Return the names of what is evaluated, of which there may be several."""
    return [str(model)] if isinstance(model, str | Path) else [str(each) for each in model]


def locate(*models: str) -> ModelLocation:
    """Find a model by card name, path or hub repository, without the network.

    Args:
        models: The model; or several, each GGUFs: files, folders or patterns.

    Raises:
        EdgevalError: If there is no such card or path, a directory holds no model, or one of
            several is no GGUF.
    """
    if len(models) == 1:
        return _located(models[0])
    ggufs: list[ReadyFile] = []
    named: list[names.ModelName] = []
    for model in models:
        found = _located(model)
        if not (found.ggufs or found.named):
            raise not_comparable(model)
        ggufs += found.ggufs
        named += found.named
    local = _of_ggufs(tuple(dict.fromkeys(ggufs)))
    return replace(local, named=tuple(dict.fromkeys(named)))


def not_comparable(model: str) -> EdgevalError:
    """Return the error for one of several models that is no GGUF."""
    return EdgevalError(
        f"{printable(model)} is no GGUF, and only GGUFs are compared with each other; name one "
        "model, or several .gguf files, folders or patterns of them"
    )


def _located(model: str) -> ModelLocation:
    card = cards.find(model)
    if card is not None and card.checkpoint is not None:
        return ModelLocation(card, path=cards.cards_folder() / card.checkpoint)
    if card is not None:
        cards.require_llama(card)
        return ModelLocation(card, repo=card.repo, revision=card.revision)
    path = Path(model)
    try:
        is_directory, is_file = path.is_dir(), path.is_file()
        ggufs = matching(model)
    except OSError as error:  # A name that no disk can have.
        raise EdgevalError(
            f"cannot look at {printable(model)} ({error.strerror}); check the path"
        ) from error
    if is_directory:
        return _in_directory(path)
    if is_file:
        return _of_ggufs((ReadyFile(model_files(path)[0], model),))
    if ggufs is not None:
        if not ggufs:
            raise EdgevalError(f"no .gguf file matches {printable(model)}; check the pattern")
        return _of_ggufs(tuple(ggufs))
    if path.suffix == ".gguf" or path.is_absolute() or model.startswith((".", "~")):
        raise EdgevalError(f"nothing at {printable(model)}; check the path")
    named = names.parse_model(model)
    if named is not None:
        return ModelLocation(named=(named,))
    raise cards.unknown_model(model)


def _in_directory(path: Path) -> ModelLocation:
    """Return a checkpoint or, if a directory has none, the GGUFs that it holds."""
    if not (path / "config.json").is_file():
        ggufs = in_folder(path)
        if ggufs:
            return _of_ggufs(tuple(ggufs))
    return ModelLocation(path=Checkpoint(path).directory)


def _of_ggufs(ggufs: tuple[ReadyFile, ...]) -> ModelLocation:
    path, base_model = ggufs[0].path if len(ggufs) == 1 else None, _base_model(ggufs)
    card = None if base_model is None else cards.find_repo(base_model)
    return ModelLocation(card, path=path, ggufs=ggufs, base_model=base_model)


def _base_model(ggufs: Sequence[ReadyFile]) -> str | None:
    """Return the repository that GGUFs say they are of, if no two say different ones."""
    said = {source_repo(read_header(each.path)) for each in ggufs} - {None}
    return said.pop() if len(said) == 1 else None


def ask_hub(
    location: ModelLocation,
    types: Sequence[str] | None = None,
    *,
    offline: bool = False,
    progress: Progress | None = None,
) -> ModelLocation:
    """Return a location with what the named repositories of the hub hold; nothing is downloaded.

    A repository that is a checkpoint is that, unless a GGUF in it is named.

    Args:
        location: What ``locate`` found.
        types: Types, or files, of the GGUFs that are wanted of each repository; None if none was
            named, which is enough where there is one.
        offline: Use the cache only.
        progress: Where to show progress.

    Raises:
        EdgevalError: If a repository cannot be asked, has none of a type, or has several GGUFs of
            which none was named, or if one of several models is a checkpoint.
    """
    if not location.named:
        return location
    is_alone = len(location.named) == 1 and not location.ggufs
    remote = []
    for named in location.named:
        listing = _listed(named, offline=offline, progress=progress)
        if listing is None or (listing.is_checkpoint and named.gguf is None):
            if not is_alone:
                raise not_comparable(named.repo)
            card = cards.of_checkpoint(named.repo, named.revision)
            return ModelLocation(card, repo=named.repo, revision=named.revision)
        wanted = [named.gguf] if named.gguf else types
        remote.append((listing, tuple(_chosen(listing, wanted))))
    said = {listing.base_model for listing, _ in remote} | {location.base_model}
    known = said - {None}
    base_model = known.pop() if len(known) == 1 else None
    card = cards.find_repo(base_model) if base_model else None
    return replace(location, card=card, base_model=base_model, named=(), remote=tuple(remote))


def _listed(named: names.ModelName, *, offline: bool, progress: Progress | None) -> GgufRepo | None:
    try:
        listing = list_ggufs(named.repo, named.revision, offline=offline, progress=progress)
    except HubError as error:
        raise HubError(f"no local path {named.repo}, and as a hub repository: {error}") from error
    if listing is None and named.gguf is not None:
        raise HubError(
            f"{named.repo} holds no GGUF, so there is no {printable(named.gguf)} in it; name the "
            "repository alone to convert it"
        )
    return listing


def _chosen(listing: GgufRepo, wanted: Sequence[str] | None) -> list[RemoteGguf]:
    if wanted is not None:
        return chosen(listing, wanted)
    if len(listing.ggufs) == 1:
        return chosen(listing, [ALL])
    there = [f"{gguf.label} ({gguf.size_bytes / 1e9:,.2f} GB)" for gguf in listing.ggufs]
    more = f" and {len(there) - _MOST_SHOWN:,} more" if len(there) > _MOST_SHOWN else ""
    raise HubError(
        f"{listing.repo} has {len(there):,} GGUFs: {', '.join(there[:_MOST_SHOWN])}{more}; name "
        f"those that you want with --quant, all of them with --quant {ALL}, or one as "
        f"{listing.repo}:{listing.ggufs[0].label}; edgeval pick {listing.repo} finds the smallest "
        "that is good enough"
    )


def fetch_model(
    location: ModelLocation, *, offline: bool = False, progress: Progress | None = None
) -> ModelFiles:
    """Return a located model as a local checkpoint or GGUF, downloaded if need be.

    Raises:
        EdgevalError: If it cannot be read or downloaded.
    """
    location = ask_hub(location, offline=offline, progress=progress)
    card, commit = location.card, None
    if location.ggufs or location.remote:
        return _ggufs_found(location, offline=offline, progress=progress)
    if location.path is not None:
        path, name = location.path, location.path.resolve().name
    else:
        repo = str(location.repo)
        try:
            found = fetch.fetch_checkpoint(
                repo, location.revision, offline=offline, progress=progress
            )
        except HubError as error:
            if card is not None:
                raise
            raise HubError(f"no local path {repo}, and as a hub repository: {error}") from error
        path, name, commit = found.path, repo, found.commit
    info = ModelSource(
        name=card.name if card else name,
        title=card.title if card else name,
        repo=location.repo,
        revision=commit,
        fingerprint=Checkpoint(path).fingerprint,
    )
    return ModelFiles(path, "checkpoint", info, card)


def _ggufs_found(
    location: ModelLocation, *, offline: bool, progress: Progress | None
) -> ModelFiles:
    """Return GGUFs as a model, cited by their repository or by what all their names begin with."""
    fetched = [
        ReadyFile(paths[0], f"{repo.repo}/{gguf.name}")
        for repo, ggufs in location.remote
        for gguf, paths in zip(
            ggufs, fetch_ggufs(repo, ggufs, offline=offline, progress=progress), strict=True
        )
    ]
    ggufs = (*location.ggufs, *fetched)
    hashes = [sha256_of(*model_files(each.path), progress=progress) for each in ggufs]
    source = location.remote[0][0] if len(location.remote) == 1 and not location.ggufs else None
    name = source.repo if source else common_name([model_stem(each.path) for each in ggufs])
    info = ModelSource(
        name=name,
        title=name,
        repo=source.repo if source else None,
        revision=source.commit if source else None,
        fingerprint=joint_hash(hashes),
    )
    return ModelFiles(ggufs[0].path, "gguf", info, location.card, ggufs)


def common_name(stems: Sequence[str]) -> str:
    """Return what names begin with, up to the end of a word; that of several GGUFs together."""
    if len(stems) == 1:
        return stems[0]
    words = zip(*(re.split(r"(?=[-. ])", stem) for stem in stems), strict=False)
    shared = itertools.takewhile(lambda alike: len(set(alike)) == 1, words)
    return "".join(alike[0] for alike in shared).strip("-. ") or f"{len(stems)} GGUFs"
