"""Small files of a checkpoint, beside its weights, read within bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgeval.errors import CheckpointError
from edgeval.system import untrusted
from edgeval.system.file_kinds import kind_of
from edgeval.system.untrusted import UnreadableError

_MAX_BYTES = 128_000_000
"""Of a JSON file: the largest tokenizer.json of today has 35 MB."""

MAX_TEXT_BYTES = 4_000_000
"""Of a chat template; none has 100 KB."""


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        CheckpointError: If the file is not JSON in UTF-8, or goes beyond what JSON of a model does.
    """
    try:
        return untrusted.read_json(path, _MAX_BYTES, finite=False)
    except (OSError, UnreadableError) as error:
        raise refused(path, error) from error


def read_text(path: Path) -> str:
    """Return a text.

    Raises:
        CheckpointError: If the file is no text in UTF-8, or too long.
    """
    try:
        return untrusted.decoded(untrusted.read_regular(path, MAX_TEXT_BYTES))
    except (OSError, UnreadableError) as error:
        raise refused(path, error) from error


def refused(path: Path, error: OSError | UnreadableError) -> CheckpointError:
    """Return the error for a file that cannot be read, or is another than its name says."""
    if isinstance(error, OSError):
        reason = untrusted.printable(error.strerror or str(error))
        return CheckpointError(f"cannot read {path} ({reason}); check the path")
    kind = kind_of(path)
    if kind is not None and path.suffix not in kind.suffixes:
        return CheckpointError(f"{path} is {kind.what}; {kind.remedy}")
    return CheckpointError(f"{path} is not valid: {error}; download it again")
