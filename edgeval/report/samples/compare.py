"""Comparison of samples that lm-evaluation-harness logged of several models, item by item.

The wish: issues 3831 and 4017 and pull request 3868 of EleutherAI/lm-evaluation-harness.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval.errors import DataError, EdgevalError
from edgeval.records.paired_samples import (
    PairedSamples,
    PairedSource,
    PairedTask,
    SampleSource,
)
from edgeval.report.samples.files import TaskFile, task_files
from edgeval.report.samples.judgement import judged
from edgeval.report.samples.loglikelihoods import changes_of
from edgeval.report.samples.results import Results, results_of
from edgeval.report.samples.sample_set import Pairs, SampleSet, pairs_of, read_samples
from edgeval.report.samples.series import Pair, Series, compared, series_of
from edgeval.stats.paired import MARGIN_POINTS, require_margin
from edgeval.system.sharing import shareable_path
from edgeval.system.untrusted import printable

_LONGEST_LABEL = 40
_OF_ALL = "its values are material for one number of all items, not numbers of an item"


def compare_samples(
    paths: Sequence[str | Path],
    *,
    margin_points: float = MARGIN_POINTS,
    any_prompt: bool = False,
) -> PairedSamples:
    """Compare samples of several models on the same items.

    Args:
        paths: Files ``samples_TASK_DATE.jsonl`` that ``lm_eval --log_samples --output_path`` wrote,
            or folders of them; the first is what the others are compared with.
        margin_points: Two shares of right items this close are called equivalent.
        any_prompt: Whether items are the same whose documents are, whatever their prompts: other
            shots, or the chat templates of two models.

    Raises:
        EdgevalError: If there are fewer than two, one cannot be read, or two have nothing in
            common.
    """
    require_margin(margin_points)
    if len(paths) < 2:
        raise EdgevalError("a comparison needs two files or folders of samples; name another one")
    first, *others = [_Source.of(Path(path)) for path in paths]
    # A file is held as long as it is compared: several models' are too much at once.
    comparisons = [
        _beside(number, other, first, any_prompt=any_prompt)
        for number, other in enumerate(others, start=1)
    ]
    comparisons, n_tests = judged(comparisons, margin_points)
    labels = _labels([first, *others])
    return PairedSamples(
        margin_points=margin_points,
        any_prompt=any_prompt,
        n_tests=n_tests,
        sources=[
            source.record(label, first)
            for label, source in zip(labels, [first, *others], strict=True)
        ],
        comparisons=comparisons,
    )


@dataclass(frozen=True)
class _Source:
    """One run: its files by task, and what its results say.

    Attributes:
        path: What was named.
        files: The files by task.
        results: What stands beside them.
    """

    path: Path
    files: Mapping[str, TaskFile]
    results: Results | None

    @classmethod
    def of(cls, path: Path) -> _Source:
        files = {each.task: each for each in task_files(path)}
        beside = (results_of(each.results) for each in files.values())
        return cls(path, files, next((each for each in beside if each is not None), None))

    def results_of(self, task: str) -> Results:
        """Return what was written with a task's samples; other tasks may be of another day."""
        return results_of(self.files[task].results) or Results()

    @property
    def name(self) -> str:
        """The model, or what the folder or file is called."""
        named = self.results.model if self.results else None
        return printable(named or self.path.resolve().stem, _LONGEST_LABEL)

    def record(self, label: str, first: _Source) -> SampleSource:
        results = self.results or Results()
        return SampleSource(
            label=label,
            files=[shareable_path(str(each.path)) for each in self.files.values()],
            model=results.model,
            model_args=results.model_args,
            backend=results.backend,
            harness=results.harness,
            has_results=self.results is not None,
            differences=list(results.differences(first.results or Results())),
        )


def _labels(sources: Sequence[_Source]) -> list[str]:
    n_named = Counter(each.name for each in sources)
    return [
        each.name if n_named[each.name] == 1 else f"{each.name} ({number})"
        for number, each in enumerate(sources, start=1)
    ]


def _beside(number: int, other: _Source, first: _Source, *, any_prompt: bool) -> PairedSource:
    """Return what one run says beside the first."""
    parts: dict[tuple[str, str], list[Series]] = defaultdict(list)
    tasks = []
    for task, other_task in _tasks_of_both(first, other):
        ours = read_samples(first.files[task].path)
        theirs = read_samples(other.files[other_task].path)
        pairs = pairs_of(ours, theirs, any_prompt=any_prompt)
        found, reasons = _series(task, ours, theirs, pairs)
        for each in found:
            parts[each.metric, each.filter].append(each)
        tasks.append(
            PairedTask(
                task=printable(task),
                other_task=None if other_task == task else printable(other_task),
                n_items=len(pairs.doc_ids),
                n_unchecked=pairs.n_unchecked,
                n_repeated=ours.n_repeated + theirs.n_repeated,
                left=list(pairs.left),
                differences=list(
                    other.results_of(other_task).task_differences(
                        other_task, first.results_of(task), task
                    )
                ),
                not_compared=reasons,
                loglikelihoods=changes_of(ours, theirs, pairs),
                metrics=[compared([each]) for each in found],
            )
        )
    _require_common(tasks, other, first)
    shared = {task.task for task in tasks} | {task.other_task for task in tasks}
    return PairedSource(
        source=number,
        tasks=tasks,
        pooled=[compared(each) for each in parts.values() if len(each) > 1 and _are_alike(each)],
        only_first=[printable(task) for task in first.files if printable(task) not in shared],
        only_other=[printable(task) for task in other.files if printable(task) not in shared],
    )


def _tasks_of_both(first: _Source, other: _Source) -> list[tuple[str, str]]:
    """Return the tasks to compare, by what each side calls them; one file each is a pair anyway."""
    if len(first.files) == len(other.files) == 1:
        return list(zip(first.files, other.files, strict=True))
    tasks = [(task, task) for task in first.files if task in other.files]
    if not tasks:
        raise DataError(
            f"{first.path} and {other.path} have no task in common ({_listed(first)}; "
            f"{_listed(other)}); name runs of the same tasks"
        )
    return tasks


def _listed(source: _Source) -> str:
    names = [printable(task, 60) for task in source.files]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _require_common(tasks: Sequence[PairedTask], other: _Source, first: _Source) -> None:
    if any(task.n_items for task in tasks):
        return
    counts: Counter[str] = Counter()
    for task in tasks:
        counts.update({each.reason: each.n_items for each in task.left})
    prompts = counts["another prompt"]
    remedy = (
        "give --any-prompt if the same items were to be asked in other ways, as with other shots "
        "or chat templates"
        if prompts
        else "name two runs of the same task"
    )
    why = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
    raise DataError(f"{first.path} and {other.path} have no item in common ({why}); {remedy}")


def _series(
    task: str, ours: SampleSet, theirs: SampleSet, pairs: Pairs
) -> tuple[list[Series], dict[str, str]]:
    """Return the values of each metric, and why other metrics are not compared."""
    found: list[Series] = []
    reasons: dict[str, str] = {}
    for name in dict.fromkeys([*ours.samples, *theirs.samples]):
        both: list[Pair] = [
            (ours.samples[name][doc_id], theirs.samples[name][doc_id])
            for doc_id in pairs.doc_ids
            if doc_id in ours.samples.get(name, {}) and doc_id in theirs.samples.get(name, {})
        ]
        if not both:
            reasons[printable(f"filter {name}")] = "no item has it of both"
            continue
        of_all = {metric for pair in both for each in pair for metric in each.of_all}
        metrics = dict.fromkeys(metric for pair in both for each in pair for metric in each.values)
        reasons |= {printable(f"{metric}, {name}"): _OF_ALL for metric in sorted(of_all)}
        for metric in metrics:
            if metric in of_all:
                continue
            series = series_of(printable(task), metric, name, both)
            if series is None:
                reasons[printable(f"{metric}, {name}")] = "no item has a finite value of both"
            else:
                found.append(series)
    return found, reasons


def _are_alike(parts: Sequence[Series]) -> bool:
    """Return whether values of several tasks are of one kind, so that items can be pooled."""
    kinds = {part.kind for part in parts}
    return len(kinds) == 1 or kinds == {"share", "mean"}
