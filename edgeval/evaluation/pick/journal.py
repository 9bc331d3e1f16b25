"""Journal of a pick: its record, written whenever something of it is known.

Who is interrupted, or killed, goes on from it: a file that has lost and was deleted cannot be tried
again, and is not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgeval.errors import EdgevalError, written_by_newer
from edgeval.records import bounds
from edgeval.records.pick import PICK_VERSION, Pick, PickedFile
from edgeval.report.record_files import RECORD_NAME
from edgeval.system.files import write_text
from edgeval.system.untrusted import UnreadableError, printable, problem, read_json

PICK_NAME = "pick.json"


class Journal:
    """The record of a pick in its folder.

    Attributes:
        record: What is known so far.
        was_begun: Whether an earlier command has written it.
    """

    def __init__(self, folder: Path, new: Pick, *, overwrite: bool, is_fresh: bool) -> None:
        """Go on with the pick that a folder holds, or begin one.

        Args:
            folder: The folder, which this process holds.
            new: The record of a pick that is begun now.
            overwrite: Whether another pick, or a report, that it holds is replaced.
            is_fresh: Whether the same pick begins again.

        Raises:
            EdgevalError: If it holds something else, and that is not replaced.
        """
        self.path = folder / PICK_NAME
        old = self._read(overwrite)
        if old is None and (folder / RECORD_NAME).exists() and not overwrite:
            raise EdgevalError(
                f"{folder} holds a report of something else; name another folder with --out, or "
                "replace it with --overwrite"
            )
        self.was_begun = False
        self.record = new
        if old is None:
            return
        if old.setting != new.setting and not overwrite:
            raise EdgevalError(
                f"{folder} holds a pick that was begun with {_change(old.setting, new.setting)}; "
                "name another folder with --out, or replace it with --overwrite"
            )
        if old.setting == new.setting and not (overwrite or is_fresh):
            self.was_begun = True
            self.record = old.model_copy(update={"command": new.command})
            return
        # What was downloaded for it may go as soon as it has lost, whoever finds out.
        begun = {(each.repo, each.file): each.begun for each in old.files}
        files = [
            each.model_copy(update={"begun": begun.get((each.repo, each.file), [])})
            for each in new.files
        ]
        self.record = new.model_copy(update={"files": files})

    def _read(self, overwrite: bool) -> Pick | None:
        try:
            content = read_json(self.path, bounds.MAX_BYTES)
            version = content.get("schema_version") if isinstance(content, dict) else None
            if isinstance(version, int) and version > PICK_VERSION:
                raise EdgevalError(written_by_newer(self.path, version, PICK_VERSION))
            if beyond := bounds.beyond(content):
                raise UnreadableError(beyond)
            return Pick.model_validate(content)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, UnreadableError, ValidationError) as error:
            if overwrite:
                return None
            if isinstance(error, ValidationError):
                reason = problem(error)
            else:
                reason = str(getattr(error, "strerror", None) or error)
            raise EdgevalError(
                f"{self.path} is no record of a pick ({reason}); remove it, name another folder "
                "with --out, or replace it with --overwrite"
            ) from error

    def update(self, **changes: Any) -> None:
        """Keep what is known of the pick, on the disk before anything else is done."""
        self.record = Pick(**(dict(self.record) | changes))
        write_text(self.path, self.record.model_dump_json(indent=2) + "\n")

    def settle(self, label: str, **changes: Any) -> PickedFile:
        """Keep what is known of a file."""
        files = [
            PickedFile(**(dict(each) | changes)) if each.label == label else each
            for each in self.record.files
        ]
        self.update(files=files)
        return self.record.file(label)


def digest_of(setting: Mapping[str, str]) -> str:
    """Return the SHA-256 of what decides a pick."""
    return hashlib.sha256(json.dumps(dict(setting), sort_keys=True).encode()).hexdigest()


def _change(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """Return the first of what differs, with its values."""
    name = next(name for name in (*new, *old) if old.get(name) != new.get(name))
    ours, theirs = (printable(each.get(name, "nothing"), 60) for each in (new, old))
    return f"{printable(name, 60)} {theirs}, and this one has {ours}"
