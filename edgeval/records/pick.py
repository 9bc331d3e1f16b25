"""Pick: which of several GGUFs to take, what shows it, and what became of the others.

It is written after every file, so that who is interrupted goes on where it was.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, model_validator

from edgeval.records.base import Record, SavedRecord
from edgeval.records.context import DataSource, Engine, Machine, ModelSource, ProtocolInfo
from edgeval.records.drift import Drift
from edgeval.records.generation import GenerationSpeed
from edgeval.records.hardware import Conditions
from edgeval.records.results import MOST_NAME_CHARS, ModelRun
from edgeval.system.untrusted import Moment, printable

PICK_VERSION: Final = 1
MOST_FILES: Final = 200
"""Among which one is picked; what is shown of all of them has to hold together."""

FileOutcome = Literal[
    "recommended", "larger", "reference", "worse", "not shown", "too slow", "unlike", "same file",
    "unusable", "too large", "no room", "failed", "not tried",
]  # fmt: skip
LOST: Final = frozenset(
    ("worse", "not shown", "too slow", "unlike", "same file", "unusable", "larger")
)
"""What no further try would change."""
_MEASURED = frozenset(("recommended", "larger", "worse", "not shown", "too slow"))
UNDECIDED: Final = frozenset(("failed", "no room"))
"""What another time may be otherwise."""

_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def _require_hash(text: str) -> str:
    if _HASH.fullmatch(text) is None:
        raise ValueError(f"{printable(text, 40)} is no hash")
    return text


_Hash = Annotated[str, AfterValidator(_require_hash)]
_Sentence = Annotated[str, Field(max_length=2000)]


class PickedFile(Record):
    """One file among which it is picked, or that the others are compared with.

    Attributes:
        label: What it is called; no two files of a pick are called the same.
        file: Its path in its repository with that before it, or a local one without its folders.
        repo: The repository of the hub that it is in; None for a local file.
        is_offered: Whether it may be picked; not so a reference that was named besides.
        size_bytes: Its size, as the hub lists it.
        digest: Hash of the file, or over those of its parts; None where the hub says none.
        outcome: ``recommended``, the answer; ``larger``, good too, and larger than that;
            ``reference``, what the others are compared with; ``worse`` by more than the margin, or
            ``not shown`` to be within it; ``too slow``; ``unlike``, of another model than the
            reference; ``same file`` as another; ``unusable``; ``too large``, by what was asked;
            ``no room`` in the memory free now; ``failed``, and is tried again; ``not tried``.
        reason: Why, as a sentence, where the numbers do not say it.
        begun: Hashes of its files whose download this pick has begun, and may take back.
        n_downloaded_bytes: Bytes of those that arrived.
        is_deleted: Whether they were deleted again.
        speed: How fast it generates, if that was measured.
        run: What was measured of it, if it was scored.
        drift: How it differs from the reference, if it was compared.
        unlike: In what it is of another model, where it was compared all the same.
    """

    label: str = Field(max_length=MOST_NAME_CHARS)
    file: str = Field(max_length=1000)
    repo: str | None = Field(default=None, max_length=200)
    is_offered: bool = True
    size_bytes: int = Field(ge=0)
    digest: _Hash | None = None
    outcome: FileOutcome = "not tried"
    reason: str | None = Field(default=None, max_length=2000)
    begun: list[_Hash] = Field(default_factory=list)
    n_downloaded_bytes: int = Field(default=0, ge=0)
    is_deleted: bool = False
    speed: GenerationSpeed | None = None
    run: ModelRun | None = None
    drift: Drift | None = None
    unlike: list[_Sentence] = Field(default_factory=list)

    @model_validator(mode="after")
    def _has_evidence(self) -> PickedFile:
        needed = self.speed if self.outcome == "too slow" else self.drift
        if self.outcome in _MEASURED and needed is None:
            raise ValueError(f"{self.label} is {self.outcome}, and nothing was measured of it")
        return self


class Pick(SavedRecord):
    """Which of several files to take. ``pick.json`` holds exactly this.

    Attributes:
        schema_version: Version of this schema.
        edgeval_version: What wrote the record.
        created_at: When it was begun, in UTC.
        command: The command line that wrote it last.
        setting: All that decides what is picked; another pick is begun if anything of it changes.
        margin_points: A file may be worse than the reference by so many points.
        most_bytes: A file may have so many bytes; None for any.
        least_tokens_per_s: It has to generate so many tokens a second; None for any.
        model: Where the files are from.
        base_model: Repository on the hub that they say they are of.
        data: The items.
        protocol: How they were scored.
        engine: What computed the numbers.
        device: The machine.
        conditions: What it computed under; None in records of an older edgeval.
        reference: What reports call the reference; None before it was needed.
        reference_run: What was measured of it; None before it was needed.
        files: The files, the smallest first.
        n_compared: Number of files that are compared with the reference if need be: what is shown
            of all of them holds together.
        recommended: The label of the file to take; None if none may be.
        commands: llama.cpp's command lines that run it.
        is_complete: Whether nothing is left to try that could change the answer.
        elapsed_s: Seconds that it took, in all its commands.
        peak_rss_bytes: The most memory that one of them held.
        worker_peak_rss_bytes: The most memory that llama.cpp's process held by itself; None where
            it computed in the command's own.
    """

    schema_version: Literal[1] = PICK_VERSION
    edgeval_version: str
    created_at: Moment
    command: str
    setting: dict[str, str]
    margin_points: float = Field(gt=0, le=100)
    most_bytes: int | None = Field(default=None, ge=1)
    least_tokens_per_s: float | None = Field(default=None, gt=0)
    model: ModelSource
    base_model: str | None = Field(default=None, max_length=200)
    data: DataSource
    protocol: ProtocolInfo
    engine: Engine
    device: Machine
    conditions: Conditions | None = None
    reference: str | None = None
    reference_run: ModelRun | None = None
    files: list[PickedFile] = Field(min_length=1, max_length=MOST_FILES)
    n_compared: int = Field(ge=0)
    recommended: str | None = None
    commands: list[str] = Field(default_factory=list)
    is_complete: bool = False
    elapsed_s: float = Field(default=0.0, ge=0)
    peak_rss_bytes: int = Field(default=0, ge=0)
    worker_peak_rss_bytes: int | None = None

    def file(self, label: str) -> PickedFile:
        """Return the file of a label."""
        return next(each for each in self.files if each.label == label)

    @property
    def answer(self) -> PickedFile | None:
        """The file to take; None if none may be."""
        return None if self.recommended is None else self.file(self.recommended)

    def rows(self) -> list[dict[str, Any]]:
        """Return a row a file, the smallest first: ``pandas.DataFrame(pick.rows())``.

        All rows have the same names; what is not known is None. ``label``, ``file``,
        ``size_bytes``, ``outcome`` and ``is_recommended``. ``difference_points``,
        ``difference_low_points`` and ``difference_high_points`` are percentage points from the
        reference, ``kl_nats`` the KL divergence from it a position (a lower bound),
        ``generated_tokens_per_s`` the speed of generation, ``n_downloaded_bytes`` what was
        downloaded of it, and ``is_deleted`` whether that was deleted again.
        """
        return [_row(each, each.label == self.recommended) for each in self.files]

    def __repr__(self) -> str:
        return f"<Pick: {self.recommended or 'none'} of {len(self.files):,} files>"

    __str__ = __repr__

    @model_validator(mode="after")
    def _consistent(self) -> Pick:
        labels = [each.label for each in self.files]
        if len(set(labels)) < len(labels):
            raise ValueError("two files have the same label")
        if self.recommended is not None and self.recommended not in labels:
            raise ValueError(f"{self.recommended} is recommended, and no file is called so")
        if self.answer is not None and self.reference_run is None:
            raise ValueError(f"{self.recommended} is recommended, and nothing was measured")
        return self


def _row(file: PickedFile, is_recommended: bool) -> dict[str, Any]:
    drift = file.drift
    points = drift.split.interval_points if drift else None
    return {
        "label": file.label,
        "file": file.file,
        "size_bytes": file.size_bytes,
        "outcome": file.outcome,
        "is_recommended": is_recommended,
        "difference_points": drift.difference_points if drift else None,
        "difference_low_points": points.low if points else None,
        "difference_high_points": points.high if points else None,
        "kl_nats": drift.divergence.kl_nats if drift and drift.divergence else None,
        "generated_tokens_per_s": file.speed.tokens_per_s if file.speed else None,
        "n_downloaded_bytes": file.n_downloaded_bytes,
        "is_deleted": file.is_deleted,
    }
