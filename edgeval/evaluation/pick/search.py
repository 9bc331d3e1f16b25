"""Search for the smallest file that will do: each is tried until one is shown to be good enough."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from edgeval.checkpoints.ready_files import ReadyFile
from edgeval.engine import running
from edgeval.errors import EngineDiedError, EngineError, GgufError, NoRoomError
from edgeval.evaluation import reference_checks
from edgeval.evaluation.drift import compare_with
from edgeval.evaluation.generation import generation_speed
from edgeval.evaluation.kernels import settled
from edgeval.evaluation.pick.choices import Choice
from edgeval.evaluation.pick.demands import Demands
from edgeval.evaluation.pick.downloads import Downloads
from edgeval.evaluation.pick.journal import Journal
from edgeval.evaluation.pick.plan import Plan
from edgeval.evaluation.pick.standard import Standard, measured_standard
from edgeval.evaluation.selfcheck import checked
from edgeval.evaluation.setup import EvalSetup
from edgeval.gguf.contents import sha256_of
from edgeval.gguf.parts import model_files
from edgeval.llama.memory import megabytes
from edgeval.quantization.ready import ReadyLadder
from edgeval.quantization.rungs import changed
from edgeval.records import GenerationSpeed
from edgeval.records.pick import LOST, UNDECIDED, FileOutcome, PickedFile
from edgeval.stats.paired import judged
from edgeval.store.store import Store
from edgeval.system.free_memory import available
from edgeval.system.progress import NoProgress, Progress
from edgeval.system.sharing import shareable_text
from edgeval.system.untrusted import printable

_MOST_CHARS = 1000


class Search:
    """Tries files, the smallest first, and keeps in the journal what becomes of each."""

    def __init__(
        self,
        plan: Plan,
        demands: Demands,
        setup: EvalSetup,
        store: Store,
        journal: Journal,
        downloads: Downloads,
        progress: Progress,
    ) -> None:
        """Try nothing yet.

        Args:
            plan: What is tried, and what it is compared with.
            demands: What is asked of a file.
            setup: What is evaluated and how.
            store: Where scores are kept.
            journal: What became of files before.
            downloads: Where files are had.
            progress: Where to show progress.
        """
        self._plan = plan
        self._demands = demands
        self._setup = setup
        self._store = store
        self._journal = journal
        self._downloads = downloads
        self._progress = progress
        self._standard: Standard | None = None

    def run(self) -> None:
        """Try files until one will do, or all are tried; then the reference may be the answer.

        Raises:
            EdgevalError: If the reference cannot be evaluated, or a file not be downloaded.
        """
        reference = self._plan.reference
        found = next(filter(self._will_do, self._plan.candidates), None)
        if found is None and reference is not None and self._may_be_taken(reference):
            found = reference
        if found is not None:
            self._recommend(found)
        self._journal.update(
            recommended=None if found is None else found.label,
            is_complete=not any(each.outcome in UNDECIDED for each in self._journal.record.files),
        )
        self.discard()

    def discard(self) -> None:
        """Delete what was downloaded and is of no more use, if that was agreed to."""
        record, reference = self._journal.record, self._plan.reference
        for each in self._plan.candidates:
            if record.file(each.label).outcome in LOST:
                self._downloads.discard(each)
        if reference is not None and record.is_complete and record.recommended != reference.label:
            self._downloads.discard(reference)

    def _will_do(self, choice: Choice) -> bool:
        """Return whether a file is good enough, tried now unless it was before."""
        known = self._journal.record.file(choice.label)
        if known.outcome not in LOST and known.outcome != "recommended":
            known = self._tried(choice)
        if known.outcome in LOST:
            self._downloads.discard(choice)
        return known.outcome == "recommended"

    def _may_be_taken(self, reference: Choice) -> bool:
        """Return whether the reference may be the answer: it was offered, and meets the demands."""
        if not self._plan.is_reference_offered or not self._demands.allows_size(
            reference.size_bytes
        ):
            return False
        if self._demands.least_tokens_per_s is not None:
            known = self._journal.record.file(reference.label)
            speed = known.speed or self._speed(self._downloads.fetch(reference))
            self._journal.settle(reference.label, speed=speed)
            if not self._demands.allows_speed(speed.tokens_per_s):
                return False
        # What is recommended was measured.
        self._measured()
        return True

    def _recommend(self, found: Choice) -> None:
        """Complete what is known of the answer; one that was it before is larger."""
        order = self._plan.candidates
        for each in order[order.index(found) + 1 :] if found in order else ():
            before = self._journal.record.file(each.label).outcome
            if before == "recommended":
                self._journal.settle(each.label, outcome="larger")
            elif before in UNDECIDED:
                self._journal.settle(each.label, outcome="not tried", reason=None)
        # Where the reference's scores are from a file, it may be nowhere near.
        if self._journal.record.file(found.label).speed is None and not found.missing_bytes():
            try:
                speed = self._speed(self._downloads.fetch(found))
                self._journal.settle(found.label, speed=speed)
            except (EngineError, NoRoomError) as error:
                self._progress.log(f"the speed of {found.label} is not known: {error}")

    def _tried(self, choice: Choice) -> PickedFile:
        """Return what becomes of a file, which is in the journal then.

        Raises:
            HubError: If it cannot be downloaded.
            EdgevalError: If the reference cannot be evaluated.
        """
        setup = self._as_computed
        is_in_memory = not (setup.devices or setup.options.force)
        if is_in_memory and choice.size_bytes > (free := available()).n_bytes:
            return self._ended(
                choice,
                "no room",
                f"It takes {megabytes(choice.size_bytes)}, and {megabytes(free.n_bytes)} "
                f"{free.words}.",
            )
        if setup.devices:
            self._measured()  # Where the reference is computed, the others are.
        file = ReadyFile(self._downloads.fetch(choice), choice.name)
        for action in (self._looked_at, self._timed):
            ended = self._attempt(choice, functools.partial(action, choice, file))
            if ended is not None:
                return ended
        compared = functools.partial(self._compared, choice, file, self._measured())
        ended = self._attempt(choice, compared)
        assert ended is not None
        return ended

    def _attempt(
        self, choice: Choice, action: Callable[[], PickedFile | None]
    ) -> PickedFile | None:
        """Return how a file ended in what is done with it; None if it goes on."""
        try:
            return action()
        except NoRoomError as error:
            return self._ended(choice, "no room", str(error))
        except GgufError as error:
            return self._ended(choice, "unusable", str(error))
        except EngineError as error:
            return self._ended(choice, "failed", str(error))

    def _ended(self, choice: Choice, outcome: FileOutcome, reason: str) -> PickedFile:
        self._progress.log(f"{choice.label}: {outcome}. {reason}")
        reason = printable(shareable_text(reason), _MOST_CHARS)
        return self._journal.settle(choice.label, outcome=outcome, reason=reason)

    def _looked_at(self, choice: Choice, file: ReadyFile) -> PickedFile | None:
        """Return how a file ended that llama.cpp cannot run."""
        sha256_of(*model_files(file.path), progress=self._progress)
        try:
            with running() as engine:
                engine.info(file.path, self._setup.options.pre).require_predicting()
        except EngineDiedError:
            raise
        except EngineError as error:
            return self._ended(choice, "unusable", str(error))
        return None

    def _timed(self, choice: Choice, file: ReadyFile) -> PickedFile | None:
        """Return how a file ended that generates too slowly."""
        if self._demands.least_tokens_per_s is None:
            return None
        speed = self._speed(file.path)
        is_fast = self._demands.allows_speed(speed.tokens_per_s)
        found = self._journal.settle(
            choice.label, speed=speed, outcome="not tried" if is_fast else "too slow"
        )
        return None if is_fast else found

    def _compared(self, choice: Choice, file: ReadyFile, standard: Standard) -> PickedFile:
        """Return what a file is shown to be beside the reference."""
        pre, known = standard.setup.options.pre, self._plan.known
        beside = ReadyLadder(
            [file], reference=standard.file, pre=pre, is_forced=True, progress=NoProgress()
        )
        if beside.same_files:
            return self._ended(choice, "same file", "It is the reference with another name.")
        unlike = list(beside.unlike)
        if known is not None:
            unlike += reference_checks.unlike(known, file.path, pre, is_forced=True)
        if unlike and not self._demands.is_forced:
            return self._ended(choice, "unlike", unlike[0])
        for sentence in unlike:
            self._progress.log(f"compared all the same: {sentence}")
        rung, progress = beside.rungs[-1], self._progress
        setup = checked([file.path], standard.setup, self._store, progress, standard.yardstick)
        measured, drift = compare_with(
            standard.result,
            file.path,
            setup,
            self._store,
            progress,
            len(self._plan.candidates),
            choice.tag(rung.name),
        )
        if measured.run.sha256 != rung.sha256:
            raise changed(file.path)
        (drift,) = judged([drift], setup.data.n_total, setup.margin_points)
        outcome: FileOutcome = "worse" if drift.split.outcome == "worse" else "not shown"
        return self._journal.settle(
            choice.label,
            outcome="recommended" if drift.split.non_inferior else outcome,
            run=measured.run,
            drift=drift,
            unlike=[printable(each, _MOST_CHARS) for each in unlike],
            reason=None,
        )

    def _speed(self, path: Path) -> GenerationSpeed:
        """Return how fast a file generates."""
        setup = self._as_computed
        if setup.options.check:
            setup = settled([path], setup, self._store, NoProgress())
        return generation_speed(path, setup)

    @property
    def _as_computed(self) -> EvalSetup:
        """How files are computed, as far as that is settled."""
        return self._setup if self._standard is None else self._standard.setup

    def _measured(self) -> Standard:
        """Return the reference, downloaded and measured when it is first needed.

        Raises:
            EdgevalError: If it cannot be.
        """
        if self._standard is None:
            self._standard = found = measured_standard(
                self._plan, self._setup, self._store, self._downloads, self._progress
            )
            run, indices = found.result.run, found.result.scores.keys()
            self._journal.update(
                reference=run.label, reference_run=run, data=self._setup.data_of(indices)
            )
        return self._standard
