"""Outputs of a command beside what it prints: tables, a gate's files, its lines and exit code."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgeval.cli.options import Command, taking
from edgeval.errors import EdgevalError
from edgeval.system.console import say, warn

if TYPE_CHECKING:
    from edgeval.records import Evaluation, Failure, Report, Suite
    from edgeval.report.gate.conditions import Condition
    from edgeval.report.gate.gate import Gate

_GATE, _FILES = "A gate for CI", "Files to write"
EXPORT = "Other formats"
"""The panel of what a record is exported as."""


def _file(panel: str, text: str) -> Any:
    return Annotated[Path | None, typer.Option(metavar="FILE", help=text, rich_help_panel=panel)]


_ANNOTATIONS: dict[str, Any] = {
    "fail_if": Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="End with exit code 3 if it is shown, 4 if that is open: drift>1.0, "
            "Q4_K_M:kl>0.05, accuracy<70, flips>5, verdict!=reproduced or undecided. May be given "
            "several times.",
            show_default=False,
            rich_help_panel=_GATE,
        ),
    ],
    "strict": Annotated[
        bool,
        typer.Option("--strict", help="What is open counts as shown.", rich_help_panel=_GATE),
    ],
    "junit": _file(_GATE, "Write what is shown of each condition and type as JUnit's XML."),
    "summary": _file(
        _GATE, "Add the ladder, the conclusion and the gate in Markdown: $GITHUB_STEP_SUMMARY."
    ),
    "csv": _file(_FILES, "Write the table as CSV."),
    "parquet": _file(_FILES, "Write the table as Parquet."),
}
TABLES = ("csv", "parquet")
"""What commands have that gate nothing."""

Texts = Annotated[
    bool, typer.Option("--texts", help="Add the items' texts to --samples.", rich_help_panel=_FILES)
]
Samples = Annotated[
    Path | None,
    typer.Option(
        "--samples",
        metavar="FILE",
        help="Write a row an item and file, with log-probabilities and picks: .jsonl, .csv or "
        ".parquet.",
        rich_help_panel=_FILES,
    ),
]


@dataclass(frozen=True)
class Outputs:
    """What a command writes beside what it prints.

    Attributes:
        conditions: What a report is held to.
        strict: Whether what is open counts as broken.
        junit: Where what is shown goes as XML.
        summary: What it is added to as Markdown.
        csv: Where the table goes as CSV.
        parquet: Where it goes as Parquet.
    """

    conditions: tuple[Condition, ...] = ()
    strict: bool = False
    junit: Path | None = None
    summary: Path | None = None
    csv: Path | None = None
    parquet: Path | None = None

    def require_usable(self, samples: Path | None = None) -> None:
        """Refuse files that cannot be written, before any work is done; their folders are made.

        Args:
            samples: Another file that is written.

        Raises:
            EdgevalError: If there is one, or two are the same.
        """
        from edgeval.system.files import require_writable

        replaced = [path for path in (self.junit, self.csv, self.parquet) if path is not None]
        for path in replaced:
            require_writable(path)
        if self.summary is not None:
            from edgeval.report.gate.summary import require_appendable

            require_appendable(self.summary)
        named = [path.absolute() for path in (*replaced, self.summary, samples) if path is not None]
        for path in named:
            if named.count(path) > 1:
                raise EdgevalError(f"{path} is to hold two things; name a file for each")

    def write(self, record: Report | Evaluation | Suite) -> Gate | None:
        """Write all files, and return what a report shows of the conditions, if there are any.

        Raises:
            EdgevalError: If a file cannot be written, or a report says nothing of a condition.
        """
        from edgeval.records import Evaluation
        from edgeval.records.rows import columns
        from edgeval.system.exports import write_rows

        rows = record.rows()
        if self.csv is not None:
            write_rows(self.csv, "csv", columns(rows[0]), rows)
        if self.parquet is not None:
            write_rows(self.parquet, "parquet", columns(rows[0]), rows)
        return None if isinstance(record, Evaluation) else self._gate(record)

    def _gate(self, report: Report | Suite) -> Gate | None:
        if not self.conditions and self.summary is None:
            return None
        from edgeval.report.gate.junit import junit
        from edgeval.report.gate.suite import gate_of
        from edgeval.report.gate.summary import append, summary
        from edgeval.system.files import write_text

        found = gate_of(report, self.conditions, strict=self.strict)
        if self.junit is not None:
            write_text(self.junit, junit(report, found))
        if self.summary is not None:
            append(summary(report, found), self.summary)
        return found


def takes_outputs(*, only: Collection[str] = tuple(_ANNOTATIONS)) -> Callable[[Command], Command]:
    """Give a command the options of its outputs, in the place of its ``outputs``.

    Args:
        only: The fields that it has; by default all.
    """
    wanted = {name: each for name, each in _ANNOTATIONS.items() if name in only}
    defaults = dict.fromkeys(wanted) | {"strict": False}
    return taking("outputs", wanted, defaults, _outputs)


def end(found: Gate | None, failures: Sequence[Failure] = (), *, is_quiet: bool) -> None:
    """Say what is broken, failed or open, and end with its exit code.

    Args:
        found: What is shown; None without a gate.
        failures: What failed in this command: what is broken goes before that, what is open behind.
        is_quiet: Whether nothing is said if all conditions are held.

    Raises:
        Exit: With the exit code, if that is not 0.
        EngineError: If something failed, and nothing is broken.
    """
    from edgeval.evaluation.failures import require_all

    for line in () if found is None else found.lines:
        warn(line)
    if found is not None and found.is_broken:
        raise typer.Exit(found.exit_code)
    require_all(failures)
    if found is not None and found.exit_code:
        raise typer.Exit(found.exit_code)
    if found is not None and found.conditions and not is_quiet:
        say(f"held: {', '.join(map(str, found.conditions))}")


def _outputs(values: dict[str, Any]) -> Outputs:
    """Return what is asked for.

    Raises:
        BadParameter: If a condition cannot be read, or what says something of conditions has none.
    """
    conditions = _conditions(values.pop("fail_if", None) or ())
    for problem in _without_conditions(values):
        if not conditions:
            raise problem
    return Outputs(conditions=conditions, **values)


def _conditions(texts: Collection[str]) -> tuple[Condition, ...]:
    if not texts:
        return ()
    from edgeval.report.gate.conditions import ConditionError, read_conditions

    try:
        return read_conditions(texts)
    except ConditionError as error:
        raise typer.BadParameter(str(error), param_hint="--fail-if") from error


def _without_conditions(values: dict[str, Any]) -> Iterator[typer.BadParameter]:
    for name in ("strict", "junit"):
        if values.get(name):
            yield typer.BadParameter("it says something of --fail-if alone", param_hint=f"--{name}")
