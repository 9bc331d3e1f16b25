"""Subject of a gate: what a record says something of, known of a run before it begins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from edgeval.errors import EdgevalError, closest
from edgeval.records import Failure, ModelRun, Report, run_label
from edgeval.report.gate.conditions import COMPARING, Condition


@dataclass(frozen=True)
class Row:
    """A row of a ladder, whatever became of it.

    Attributes:
        label: What reports call it.
        type: llama.cpp's name of its file type.
    """

    label: str
    type: str


@dataclass(frozen=True)
class Subject:
    """What a record says something of.

    Attributes:
        rows: All rows of the ladder.
        reference: The label of that which the others are compared with.
        has_divergences: Whether whole distributions are compared.
        has_claims: Whether there is a published number to judge.
        same_as: Labels of files that were left out, with those of the rows that they would be.
    """

    rows: Sequence[Row]
    reference: str
    has_divergences: bool
    has_claims: bool
    same_as: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, report: Report) -> Subject:
        """Return that of a record."""
        failed = next((each for each in report.failures if each.is_reference), None)
        several: Iterable[ModelRun | Failure] = (*report.runs, *report.failures)
        return cls(
            rows=[Row(each.label, each.type) for each in several],
            reference=(failed or report.runs[0]).label,
            # Where the reference failed, nobody knows.
            has_divergences=failed is not None or any(each.divergence for each in report.drift),
            has_claims=bool(report.claims),
            same_as={
                run_label(each.type, each.has_imatrix): each.same_as
                for each in report.same_files
                # Of a file that was ready another of its type may have been evaluated.
                if each.file is None
            },
        )

    def labels(self, condition: Condition) -> list[str]:
        """Return the rows that a condition is about, by their labels.

        A label goes before a type, of which there may be several rows. Without either it is about
        all rows that are compared, and an accuracy is about the reference too.
        """
        with_reference = condition.name not in COMPARING
        labels = [row.label for row in self._named(condition.type)]
        return [label for label in labels if with_reference or label != self.reference]

    def _named(self, given: str | None) -> Sequence[Row]:
        if given is None:
            return self.rows
        wanted = self._evaluated(given).casefold()
        return [row for row in self.rows if row.label.casefold() == wanted] or [
            row for row in self.rows if row.type.casefold() == wanted
        ]

    def _evaluated(self, wanted: str) -> str:
        """Return the label of the row that a file would be which was left out, or what is given."""
        for label, same in self.same_as.items():
            if label.casefold() == wanted.casefold():
                return same
        return wanted

    def require(self, conditions: Iterable[Condition]) -> None:
        """Refuse conditions of which nothing will be said.

        Raises:
            EdgevalError: If there is one.
        """
        for each in conditions:
            if each.name == "verdict":
                self._require_claim(each)
            else:
                self._require_rows(each)
            if each.name == "kl" and not self.has_divergences:
                raise EdgevalError(
                    f"{str(each)!r} is about whole distributions, and none are compared; leave out "
                    "--kl-items 0, and take a reference file that has sketches if you take one"
                )

    def _require_claim(self, condition: Condition) -> None:
        if not self.has_claims:
            raise EdgevalError(
                f"{str(condition)!r} is about a published number, and none is known of this model "
                "on this task; leave it out, or evaluate a model that has a card"
            )

    def _require_rows(self, condition: Condition) -> None:
        if self.labels(condition):
            return
        told, labels = str(condition), [row.label for row in self.rows]
        if not self._named(condition.type):
            near = closest(condition.type or "", labels)
            raise EdgevalError(
                f"{told!r} is about {condition.type}{near}, and evaluated are {', '.join(labels)}; "
                "name one of these"
            )
        if len(self.rows) == 1:
            raise EdgevalError(
                f"{told!r} is about types beside a reference, and {self.reference} is all that is "
                "evaluated; evaluate another type with it"
            )
        raise EdgevalError(
            f"{told!r} is about {self.reference}, which the others are compared with; name another "
            "type"
        )
