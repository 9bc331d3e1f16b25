"""Plan of a pick: which files are tried, in which order, and what they are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from edgeval.checkpoints import cards
from edgeval.checkpoints.locate import ModelLocation, ask_hub
from edgeval.errors import EdgevalError, HubError, counted, listed
from edgeval.evaluation.against import Against
from edgeval.evaluation.pick.choices import (
    Choice,
    located_choices,
    named,
    of_local,
    of_remote,
    told_apart,
)
from edgeval.evaluation.pick.demands import Demands
from edgeval.evaluation.reference import Reference
from edgeval.records import UNQUANTIZED
from edgeval.records.pick import FileOutcome, PickedFile
from edgeval.report import formatting as fmt
from edgeval.system.progress import Progress

_MOST_NAMED = 30


@dataclass(frozen=True)
class Plan:
    """What is tried, and what it is compared with.

    Attributes:
        choices: All files that may be picked, the smallest first.
        reference: The GGUF that they are compared with; None where that has to be made first, or is
            a reference file whose GGUF is none of them.
        known: The reference file, if the reference's scores are known.
        model: What the reference is made of, if it is a checkpoint.
        left_out: What is not tried, by label, with the outcome and why.
        card: The card of the model that they are of.
        base_model: The repository that they say they are of.
    """

    choices: tuple[Choice, ...]
    reference: Choice | None = None
    known: Reference | None = None
    model: Against | None = None
    left_out: Mapping[str, tuple[FileOutcome, str | None]] = field(default_factory=dict)
    card: cards.Card | None = None
    base_model: str | None = None

    @property
    def candidates(self) -> tuple[Choice, ...]:
        """The files that are tried, the smallest first."""
        return tuple(
            each
            for each in self.choices
            if each.label not in self.left_out and each is not self.reference
        )

    @property
    def is_reference_offered(self) -> bool:
        """Whether the reference may be picked, too."""
        return self.reference is not None and self.reference in self.choices

    @property
    def everything(self) -> tuple[Choice, ...]:
        """All files, with a reference that is named besides."""
        besides = () if self.reference is None or self.is_reference_offered else (self.reference,)
        return (*self.choices, *besides)

    def files(self) -> list[PickedFile]:
        """Return the record of each file before anything is tried."""
        return [self._file(each) for each in self.everything]

    def _file(self, choice: Choice) -> PickedFile:
        outcome, reason = self.left_out.get(choice.label, ("not tried", None))
        return PickedFile(
            label=choice.label,
            file=choice.shown_name,
            repo=choice.repo.repo if choice.repo else None,
            is_offered=choice in self.choices,
            size_bytes=choice.size_bytes,
            digest=choice.digest or None,
            outcome="reference" if choice is self.reference else outcome,
            reason=reason,
        )


def planned(
    location: ModelLocation,
    models: Sequence[str],
    against: Against,
    demands: Demands,
    *,
    offline: bool,
    progress: Progress,
) -> Plan:
    """Return what is tried; nothing is downloaded.

    Args:
        location: What ``locate`` found.
        models: What was typed.
        against: What the files are compared with, if that was named.
        demands: What is asked of a file.
        offline: Take what the cache has.
        progress: Where to show progress.

    Raises:
        EdgevalError: If there is nothing to pick from, or no such reference.
    """
    choices = located_choices(location, models, offline=offline, progress=progress)
    plan = _with_model(Plan(tuple(choices)), location)
    plan = _with_reference(plan, against, offline=offline, progress=progress)
    if not any(each is not plan.reference for each in plan.choices):
        raise EdgevalError(
            f"{choices[0].shown_name} is all that there is to pick from; name more files, or what "
            "it is compared with, by --reference"
        )
    if plan.reference is None and plan.known is None and plan.model is None:
        raise HubError(f"{choices[-1].shown_name}: {choices[-1].problem} Nothing can be tried.")
    return replace(plan, left_out=dict(_left_out(plan, demands)))


def _with_model(plan: Plan, location: ModelLocation) -> Plan:
    """Return a plan with the model that its files say they are of, if all say the same."""
    said = {each.repo.base_model for each in plan.choices if each.repo} | {location.base_model}
    known = said - {None}
    base_model = known.pop() if len(known) == 1 else None
    card = cards.find_repo(base_model) if base_model else None
    return replace(plan, base_model=base_model, card=card)


def _with_reference(plan: Plan, against: Against, *, offline: bool, progress: Progress) -> Plan:
    if against.known is not None:
        digest = against.known.header.setting.gguf_sha256
        own = next((each for each in plan.choices if each.digest == digest), None)
        return replace(plan, known=against.known, reference=own)
    if against.label is not None:
        return replace(plan, reference=named(plan.choices, against.label))
    if not against.is_gguf:
        usable = [each for each in plan.choices if each.problem is None]
        return replace(plan, reference=max(usable, key=lambda each: each.precision, default=None))
    besides = _besides(against, offline=offline, progress=progress)
    if besides is None:
        return replace(plan, model=against)
    for each in plan.choices:
        if each.digest and each.digest == besides.digest:
            return replace(plan, reference=each)
    *choices, besides = told_apart([*plan.choices, besides])
    return replace(plan, choices=tuple(choices), reference=besides)


def _besides(against: Against, *, offline: bool, progress: Progress) -> Choice | None:
    """Return the GGUF that was named besides; None where it is to be made of a checkpoint."""
    if against.gguf is not None:
        return of_local(against.gguf, progress)
    assert against.model is not None
    location = ask_hub(against.model, offline=offline, progress=progress)
    if location.remote:
        repo, (gguf, *_) = location.remote[0]
        return of_remote(repo, gguf)
    return of_local(location.ggufs[0], progress) if location.ggufs else None


def _left_out(plan: Plan, demands: Demands) -> Iterator[tuple[str, tuple[FileOutcome, str | None]]]:
    """Yield what is not tried, and why."""
    first: dict[str, Choice] = {}
    if plan.reference is not None and plan.reference.digest:
        first[plan.reference.digest] = plan.reference
    for each in plan.choices:
        if each is plan.reference:
            continue
        same = first.setdefault(each.digest, each) if each.digest else each
        if each.problem is not None:
            yield each.label, ("unusable", each.problem)
        elif same is not each:
            yield each.label, ("same file", f"It is {same.shown_name} with another name.")
        elif not demands.allows_size(each.size_bytes):
            yield each.label, ("too large", None)


def sentences(plan: Plan, demands: Demands) -> Iterator[str]:
    """Yield what will be tried, what will not, and how much may be downloaded for it."""
    tried = [f"{each.label} ({fmt.size(each.size_bytes)})" for each in plan.candidates]
    within = fmt.points(demands.margin_points)
    if tried:
        yield (
            f"tried, the smallest first, until one is shown to be at most {within} worse than "
            f"{_reference(plan)}: {_few(tried)}"
        )
    for outcome, why in (
        ("too large", f"larger than {fmt.size(demands.most_bytes or 0)}"),
        ("same file", "the same files as others"),
        ("unusable", "not whole on the hub"),
    ):
        labels = [label for label, (found, _) in plan.left_out.items() if found == outcome]
        if labels:
            yield f"left out, being {why}: {_few(labels)}"
    if plan.model is None and plan.known is None and not _is_unquantized(plan):
        yield (
            f"{_reference(plan)} has lost something itself; --reference names an F16 or BF16 file, "
            f"or {plan.base_model or 'the repository of the base model'}"
        )
    missing = sum(each.missing_bytes() for each in to_download(plan))
    if missing:
        checkpoint = ", and the checkpoint of the reference" if plan.model else ""
        yield f"at most {fmt.size(missing)} are downloaded, one file at a time{checkpoint}"


def to_download(plan: Plan) -> list[Choice]:
    """Return the files that may have to be downloaded."""
    reference = [plan.reference] if plan.reference and plan.known is None else []
    return [*reference, *plan.candidates]


def _is_unquantized(plan: Plan) -> bool:
    return plan.reference is None or plan.reference.type in UNQUANTIZED


def _reference(plan: Plan) -> str:
    if plan.known is not None:
        return plan.known.path.name
    if plan.reference is None:
        return "the checkpoint of --reference"
    return f"{plan.reference.label} ({fmt.size(plan.reference.size_bytes)})"


def _few(names: Sequence[str]) -> str:
    n_more = len(names) - _MOST_NAMED
    more = [counted(n_more, "more file")] if n_more > 0 else []
    return listed([*names[:_MOST_NAMED], *more])
