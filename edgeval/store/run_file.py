"""Run file: one run of a store, and a hash over that."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from edgeval.errors import StoreError, written_by_newer
from edgeval.records import Record
from edgeval.records.stored_run import BITS, RECORD_VERSION, PlanRecord, RunRecord, ScoredItem
from edgeval.system.untrusted import (
    UnreadableError,
    problem,
    read_json,
)

_Kind = TypeVar("_Kind", bound=Record)


_MAX_BYTES: Final = 200_000_000
"""All of HellaSwag has ten million."""


def dump(content: dict[str, Any]) -> str:
    """Return the text of a record.

    Args:
        content: The fields of a ``RunRecord`` but its hash, as plain values.
    """
    return json.dumps(content | {"sha256": _hash(content)}, indent=2) + "\n"


def load(path: Path) -> RunRecord:
    """Read a record.

    Raises:
        StoreError: If there is none, or it is damaged, changed or of a newer edgeval.
    """
    try:
        content = read_json(path, _MAX_BYTES, unique=True, bits=BITS)
    except OSError as error:
        raise StoreError(f"cannot read {path} ({error.strerror}); check the path") from error
    except UnreadableError as error:
        raise _unusable(path, str(error)) from error
    if not isinstance(content, dict) or "sha256" not in content:
        raise StoreError(f"{path} is no exported run; name a file of edgeval runs export")
    version = content.get("schema_version")
    if isinstance(version, int) and version > RECORD_VERSION:
        raise StoreError(written_by_newer(path, version, RECORD_VERSION))
    if content["sha256"] != _hash({key: content[key] for key in content if key != "sha256"}):
        raise StoreError(
            f"{path} has changed since it was exported: its content does not have the SHA-256 that "
            "it names; export the run again"
        )
    for name, kind in (("plans", PlanRecord), ("items", ScoredItem)):
        # One by one: of a million that are wrong, pydantic would keep as many complaints.
        for number, part in enumerate(content[name] if isinstance(content.get(name), list) else ()):
            _validated(kind, path, part, f"{name}.{number}")
    return _validated(RunRecord, path, content)


def _validated(kind: type[_Kind], path: Path, content: object, where: str = "") -> _Kind:
    try:
        return kind.model_validate_json(json.dumps(content), strict=True)
    except ValidationError as error:
        reason = problem(error, where or "the whole record")
        is_of_field = where and not reason.startswith(where)
        raise _unusable(path, f"{where}.{reason}" if is_of_field else reason) from error


def _unusable(path: Path, reason: str) -> StoreError:
    return StoreError(f"{path} cannot be imported: {reason}; export the run again")


def _hash(content: dict[str, Any]) -> str:
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
