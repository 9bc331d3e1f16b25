"""Location of a model: a card, a hub repository, a checkpoint directory or a GGUF."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from edgeval.checkpoints import cards
from edgeval.checkpoints.checkpoint import Checkpoint
from edgeval.errors import EdgevalError, HubError
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.parts import model_files, model_stem
from edgeval.hub import fetch, names
from edgeval.records import ModelSource
from edgeval.system.progress import Progress
from edgeval.system.untrusted import printable


@dataclass(frozen=True)
class ModelFiles:
    """A model found: a checkpoint directory or a GGUF, and how it is cited."""

    path: Path
    kind: Literal["checkpoint", "gguf"]
    info: ModelSource
    card: cards.Card | None = None


@dataclass(frozen=True)
class ModelLocation:
    """Where a model is, before anything is read or downloaded: a path or a hub repository."""

    card: cards.Card | None = None
    path: Path | None = None
    repo: str | None = None
    revision: str = "main"


def locate(model: str) -> ModelLocation:
    """Find a model by card name, path or hub repository, without the network.

    Raises:
        EdgevalError: If there is no such card or path, or the directory is no checkpoint.
    """
    card = cards.find(model)
    if card is not None and card.checkpoint is not None:
        return ModelLocation(card, path=cards.cards_folder() / card.checkpoint)
    if card is not None:
        return ModelLocation(card, repo=card.repo, revision=card.revision)
    path = Path(model)
    try:
        is_directory, is_file = path.is_dir(), path.is_file()
    except OSError as error:  # A name that no disk can have.
        raise EdgevalError(
            f"cannot look at {printable(model)} ({error.strerror}); check the path"
        ) from error
    if is_directory:
        return ModelLocation(path=Checkpoint(path).directory)
    if is_file:
        return ModelLocation(path=model_files(path)[0])
    if path.suffix == ".gguf" or path.is_absolute() or model.startswith((".", "~")):
        raise EdgevalError(f"nothing at {printable(model)}; check the path")
    if names.is_repo_id(model):
        return ModelLocation(repo=model)
    raise cards.unknown_model(model)


def fetch_model(
    location: ModelLocation, *, offline: bool = False, progress: Progress | None = None
) -> ModelFiles:
    """Return a located model as a local checkpoint or GGUF, downloaded if need be.

    Raises:
        EdgevalError: If it cannot be read or downloaded.
    """
    card, commit = location.card, None
    if location.path is not None:
        path = location.path
        # Only a file's name ends in a suffix: a directory may be called model-1.5t.
        name = path.resolve().name if path.is_dir() else model_stem(path)
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
    fingerprint = (
        Checkpoint(path).fingerprint
        if path.is_dir()
        else sha256_of(*model_files(path), progress=progress)
    )
    info = ModelSource(
        name=card.name if card else name,
        title=card.title if card else name,
        repo=location.repo,
        revision=commit,
        fingerprint=fingerprint,
    )
    return ModelFiles(path, "checkpoint" if path.is_dir() else "gguf", info, card)
