"""Harness tasks: those of an installed lm-evaluation-harness that score texts which are given.

The harness renders every item, with its shots; here its requests become items. So they are scored
as edgeval's own, and counted as the harness counts: the metrics are those that the task lists and
edgeval has.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from edgeval.errors import DataError, EdgevalError, closest
from edgeval.system.untrusted import printable
from edgeval.tasks.item import Item
from edgeval.tasks.names import HARNESS_PREFIX
from edgeval.tasks.task import DataSet, Rendering, Row, Task

FEWSHOT_SEED: Final = 1234
"""The harness's default of ``--seed`` for shots."""

_METRICS: Final = ("acc", "acc_norm", "acc_bytes")
_CHOICES: Final = "multiple_choice"
_ONE_TEXT: Final = "loglikelihood"
_OTHERWISE: Final = "evaluate it with edgeval lm-eval"
_SHOWN: Final = 60


@dataclass(frozen=True)
class HarnessRow(Row):
    """An item that the harness has rendered."""

    rendered: Item

    @property
    def group(self) -> str:
        """The subtask of a group, or the task."""
        return self.rendered.group

    @property
    def content(self) -> Sequence[str | int]:
        """All rendered texts."""
        item = self.rendered
        return [item.id, item.group, *item.contexts, item.delimiter, *item.choices, item.gold]

    def item(self, rendering: Rendering) -> Item:
        """Return the item; there is no other rendering of it."""
        return self.rendered


@dataclass(frozen=True)
class HarnessTask(Task):
    """A task of the harness, with all its items.

    Attributes:
        rows: The items.
    """

    rows: Sequence[HarnessRow] = ()

    def load(self, path: Path | None = None, *, offline: bool = False) -> DataSet:
        """Return the items, which were rendered when the task was built.

        Raises:
            DataError: If a file is named.
        """
        if path is not None:
            raise DataError(
                f"{self.name} has its own items; leave out --data, or write a task of the harness "
                "for the file and name its folder with --lm-eval-include"
            )
        return DataSet(f"{self.data_name} {self.split}", self.rows)


@functools.lru_cache(maxsize=4)
def harness_task(name: str, include: Path | None, shots: int, offline: bool) -> HarnessTask:
    """Return a task of the harness, rendered; one that was asked for lately is not built again.

    Args:
        name: Its name, or that of a group of tasks.
        include: A folder of further tasks; what is in it may be code, which runs.
        shots: Solved items to show before each, drawn as the harness draws them.
        offline: Use only data that are cached.

    Raises:
        EdgevalError: If the harness is not installed, has no such task, or it cannot be scored by
            the log-likelihoods of given choices.
    """
    with _quiet():
        tasks = _built(name, include, offline=offline)
        rows: list[HarnessRow] = []
        for each, task in tasks.items():
            _require_given(each, task)
            rows += _rendered(each, task, shots)
        of_all = set.intersection(*(set(_means(task)) for task in tasks.values()))
        first = next(iter(tasks.values()))
    metrics = tuple(each for each in _METRICS if each in of_all)
    if not metrics:
        raise EdgevalError(
            f"lm-eval task {printable(name, _SHOWN)} has none of the metrics "
            f"{', '.join(_METRICS)}; {_OTHERWISE}"
        )
    is_one = len(tasks) == 1
    return HarnessTask(
        name=f"{HARNESS_PREFIX}{name}",
        data_name=f"lm-eval {name} {_version(first)}" if is_one else f"lm-eval {name}",
        split=str(first.config.test_split or first.config.validation_split) if is_one else "group",
        n_items=len(rows),
        shots_split=first.config.fewshot_split or first.config.training_split or "its own",
        row=_no_row,
        source=f"lm-evaluation-harness {version('lm_eval')}, {name}",
        version=_whole(_version(first)),
        metrics=metrics,
        rows=tuple(rows),
    )


def _built(name: str, include: Path | None, *, offline: bool) -> Mapping[str, Any]:
    """Return the tasks that a name stands for, by their names."""
    if include is not None and not include.is_dir():
        raise EdgevalError(f"{include} is no folder of tasks; check --lm-eval-include")
    manager = _manager(include)
    if name not in manager.all_tasks:
        raise EdgevalError(
            f"lm-evaluation-harness {version('lm_eval')} has no task '{printable(name, _SHOWN)}'"
            f"{closest(name[:200], manager.all_tasks)}; lm_eval ls tasks lists them"
        )
    # Neither is loaded for edgeval's own tasks of a file.
    from edgeval.hub import fetch

    is_offline = offline or fetch.is_offline("HF_DATASETS_OFFLINE")
    with fetch.without_network() if is_offline else contextlib.nullcontext():
        tasks: Mapping[str, Any] = _by(lambda: manager.load([name])["tasks"], name)
    return tasks


@functools.lru_cache(maxsize=1)
def _manager(include: Path | None) -> Any:
    """Return the index of all tasks, which takes seconds to make."""
    try:
        version("lm_eval")
        from lm_eval.tasks import TaskManager
    except (PackageNotFoundError, ImportError) as error:
        raise EdgevalError(
            "tasks of lm-evaluation-harness need it; install it with pip install 'edgeval[lm-eval]'"
        ) from error
    return TaskManager(include_path=None if include is None else str(include))


def _by(build: Callable[[], Any], name: str) -> Any:
    """Return what code of the harness makes, or of whoever wrote a task."""
    try:
        return build()
    except EdgevalError:
        raise
    except Exception as error:  # It may raise anything.
        reason = printable(f"{type(error).__name__}: {' '.join(str(error).split())}")
        raise DataError(
            f"lm-evaluation-harness cannot build its task {printable(name, _SHOWN)} ({reason}); go "
            "online once if its data are on the hub, or correct the task"
        ) from error


def _require_given(name: str, task: Any) -> None:
    """Refuse a task whose number is none of given texts alone."""
    shown, kind = printable(name, _SHOWN), getattr(task, "OUTPUT_TYPE", None)
    config = task.config
    reason = ""
    if kind not in (_CHOICES, _ONE_TEXT):
        reason = f"is of the kind {kind}, not {_CHOICES} or {_ONE_TEXT}"
    elif config.doc_to_image or config.doc_to_audio:
        reason = "shows pictures or sounds"
    elif config.process_results is not None:
        reason = "computes its metrics itself (process_results)"
    elif config.filter_list is not None:
        reason = "filters what a model says (filter_list)"
    if reason:
        raise EdgevalError(f"lm-eval task {shown} {reason}; {_OTHERWISE}")


def _means(task: Any) -> list[str]:
    """Return the metrics that are means over the items of a task, as edgeval computes them.

    Of a task with a context a choice the harness divides by the lengths of contexts; of one with a
    single text it has no other accuracy.
    """
    means = [name for name, each in task.aggregation().items() if each.__name__ == "mean"]
    is_one = task.OUTPUT_TYPE == _ONE_TEXT or task.multiple_input
    return [name for name in means if name == "acc" or not is_one]


def _rendered(name: str, task: Any, shots: int) -> Iterator[HarnessRow]:
    """Yield the items of a task, in its order."""
    _set_shots(name, task, shots)
    _by(task.build_all_requests, name)
    instances: dict[int, list[Any]] = defaultdict(list)
    for each in task.instances:
        instances[each.doc_id].append(each)
    for doc_id, found in instances.items():
        asked = sorted(found, key=lambda each: int(each.idx))
        yield HarnessRow(_by(functools.partial(_item, f"{name}/{doc_id}", name, task, asked), name))


def _set_shots(name: str, task: Any, shots: int) -> None:
    own = task.config.num_fewshot
    if own == 0 and shots:
        raise EdgevalError(
            f"lm-eval task {printable(name, _SHOWN)} has no shots by its own configuration, which "
            "the harness does not change; leave out --shots"
        )
    if own and not shots:
        raise EdgevalError(
            f"lm-eval task {printable(name, _SHOWN)} shows {own} solved items by its own "
            f"configuration; say so with --shots {own}"
        )
    task.set_config(key="num_fewshot", value=shots)
    task.set_fewshot_seed(seed=FEWSHOT_SEED)


def _item(place: str, group: str, task: Any, instances: Sequence[Any]) -> Item:
    """Return the item of a document's requests."""
    if task.OUTPUT_TYPE == _ONE_TEXT:
        ((context, text),) = (each.args for each in instances)
        return Item(place, group, (context,), (text,), gold=0, delimiter="")
    doc, delimiter = instances[0].doc, task.config.target_delimiter
    choices = [str(each) for each in task.doc_to_choice(doc)]
    # Behind them stand those without a context, for mutual information.
    arguments = [each.args for each in instances[: len(choices)]]
    contexts = [context for context, _ in arguments]
    texts = [text.removeprefix(delimiter) for _, text in arguments]
    if not task.multiple_input and texts != choices:
        raise DataError(f"item {place}: what is scored is not its choices; {_OTHERWISE}")
    return Item(
        id=place,
        group=group,
        contexts=tuple(contexts) if task.multiple_input else (contexts[0],),
        choices=(texts[0],) if task.multiple_input else tuple(choices),
        gold=_gold(place, task, doc, choices),
        delimiter=delimiter,
    )


def _gold(place: str, task: Any, doc: Any, choices: Sequence[str]) -> int:
    """Return the place of the right choice, as ``process_results`` finds it."""
    gold = task.doc_to_text(doc) if task.multiple_input else task.doc_to_target(doc)
    if isinstance(gold, str) and gold in choices:
        return choices.index(gold)
    if isinstance(gold, int) and 0 <= gold < len(choices):
        return gold
    what = "several right choices" if isinstance(gold, list) else "no right choice"
    raise DataError(f"item {place} of lm-evaluation-harness has {what}; {_OTHERWISE}")


def _version(task: Any) -> str:
    return printable(str(task.VERSION), 20)


def _whole(text: str) -> int:
    """Return the whole part of a version; the items' texts have a fingerprint of their own."""
    head = text.partition(".")[0]
    return int(head) if head.isdecimal() else 1


def _no_row(row: Any) -> Row:
    raise AssertionError("tasks of the harness read no rows")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the harness logs and shows away from edgeval's own output."""
    logger = logging.getLogger("lm_eval")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(before)
