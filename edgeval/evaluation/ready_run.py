"""Ready run: all that comes before the first item is scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval.checkpoints.claims import Claimed
from edgeval.checkpoints.locate import ModelFiles, ModelLocation, ask_hub, fetch_model
from edgeval.evaluation import reference_checks
from edgeval.evaluation.defaults import with_card_data
from edgeval.evaluation.each_task import options_of_each
from edgeval.evaluation.expected import require_made, require_rungs
from edgeval.evaluation.failures import Failures
from edgeval.evaluation.few_items import too_few_items
from edgeval.evaluation.ladder import made_files
from edgeval.evaluation.ladder_files import ToMake, Wanted, made_ladder, ready_ladder
from edgeval.evaluation.options import Options
from edgeval.evaluation.samples import SampleFile
from edgeval.evaluation.task_run import TaskRun, of_checkpoint, prepared
from edgeval.quantization.rungs import LadderFiles, LadderRung
from edgeval.report.gate.conditions import Condition
from edgeval.store.presence import require_place
from edgeval.system.progress import Progress
from edgeval.tasks import registry


@dataclass(frozen=True)
class Asked:
    """What was asked of a run, besides how it is evaluated.

    Attributes:
        wanted: The ladder.
        published: The numbers that it is judged by.
        conditions: What its record will be held to.
        samples: Where its items' scores are written.
    """

    wanted: Wanted
    published: Claimed
    conditions: Sequence[Condition] = ()
    samples: SampleFile | None = None


@dataclass(frozen=True)
class ReadyRun:
    """A run whose files are made.

    Attributes:
        source: What the files are of.
        base_model: What ready files are of, by their own word or by that of who named a card.
        tasks: The tasks.
        ladder: The ladder.
        files: Its files that could be made, the reference first unless it is known or failed.
        making: What failed when they were made.
        unlike: How files that are compared all the same are unlike.
    """

    source: ModelFiles
    base_model: str | None
    tasks: list[TaskRun]
    ladder: LadderFiles
    files: list[tuple[LadderRung, Path]]
    making: Failures
    unlike: list[str]

    @classmethod
    def of(
        cls, location: ModelLocation, asked: Asked, options: Options, progress: Progress
    ) -> ReadyRun:
        """Check what was asked, fetch the model and make the files.

        Args:
            location: The model.
            asked: What was asked for.
            options: What is evaluated and how.
            progress: Where to show progress.

        Raises:
            EdgevalError: If anything cannot be used.
        """
        wanted, references = asked.wanted, asked.wanted.against.references
        each = options_of_each(options)
        for one in each:
            one.require_usable()
            if location.named and one.data is not None:
                # What is wrong with a file of this disk is said before the network is waited for.
                registry.task(one.task).load(one.data)
        location = ask_hub(location, wanted.types, offline=options.offline, progress=progress)
        published = asked.published.of(location, progress)
        known, is_ready = wanted.known, wanted.is_ready(location)
        wanted.require_usable(location)
        to_make = None if is_ready else ToMake.of(wanted, progress)
        each = [with_card_data(one, published.card, location.card) for one in each]
        claims = [claim for one in each for claim in published.on(one.task_name)[0]]
        if to_make is not None:
            require_made(asked.conditions, to_make.types, wanted, options.kl_items, claims)
        tasks = prepared(each, published, references)
        if options.store is not None:
            require_place(options.store)
        source = fetch_model(location, offline=options.offline, progress=progress)
        tasks = of_checkpoint(tasks, source.info if source.kind == "checkpoint" else None)
        setup = tasks[0].setup
        ladder: LadderFiles
        unlike: list[str] = []
        if to_make is not None:
            ladder = made_ladder(to_make, wanted, source, setup, progress)
        else:
            ladder = ready = ready_ladder(wanted, location, source, setup, progress)
            unlike = list(ready.unlike)
        require_rungs(asked.conditions, ladder.rungs, wanted, options.kl_items, claims)
        _warn_of_few_items(tasks, len(ladder.rungs) - (known is None), progress)
        making = Failures(len(ladder.rungs), progress)
        files = made_files(ladder, making, has_reference=known is None)
        if known is not None and files:
            unlike += reference_checks.unlike(known, files[0][1], options.pre, wanted.is_forced)
        base_model = _source_of(location, published) if is_ready else None
        return cls(source, base_model, tasks, ladder, files, making, unlike)


def _warn_of_few_items(tasks: Sequence[TaskRun], n_compared: int, progress: Progress) -> None:
    for task in tasks:
        setup = task.setup
        if setup.options.until is None and (
            few := too_few_items(setup, n_compared * setup.n_together, "type")
        ):
            of_task = f"{setup.data.task}: " if setup.n_together > 1 else ""
            progress.log(f"{of_task}{few} (--limit), or --until {setup.margin_points:g}")


def _source_of(location: ModelLocation, published: Claimed) -> str | None:
    return location.base_model or (published.card.repo if published.card else None)
