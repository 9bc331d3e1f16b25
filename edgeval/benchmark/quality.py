"""Quality beside speed: how accurate files are that were timed, by the scores that a store has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgeval.errors import EdgevalError
from edgeval.evaluation.options import Options
from edgeval.evaluation.stored_items import stored_items
from edgeval.gguf.header import Header
from edgeval.gguf.parts import read_header
from edgeval.gguf.precision import precision
from edgeval.gguf.sameness import differences
from edgeval.llama.defaults import SCORING_VERSION
from edgeval.records.bench import BenchedFile, FileQuality
from edgeval.stats.drift import drift
from edgeval.stats.metrics import metrics_of
from edgeval.stats.paired import MARGIN_POINTS, judged
from edgeval.stats.sampling import beginning, order_items
from edgeval.store.runs import FileRun, readable, runs_of_files
from edgeval.system.progress import Progress
from edgeval.system.untrusted import printable
from edgeval.tasks import registry
from edgeval.tasks.item import Item, ItemScore
from edgeval.tasks.protocol import Protocol

_UNSAID = "no accuracy is shown beside the speed"

Scores = Mapping[int, ItemScore]
"""What one file says, by the places of the items in the data set."""


def with_quality(
    files: Sequence[BenchedFile],
    paths: Sequence[Path],
    store: Path,
    data: Path | None,
    progress: Progress,
) -> list[BenchedFile]:
    """Return files with their quality, as far as a store has scores of them.

    All are of one task, asked in one way: that which most of the files have scores of. What was
    measured is worth more than what stands beside it, so nothing that is wrong here is an error.

    Args:
        files: What was measured.
        paths: The files, or the first parts of split ones.
        store: The store, which is only read; without one there is no quality.
        data: The data set of the scores, where it is a file; None to look for it among what is
            cached and what ships with edgeval.
        progress: Where it is said why there is none.
    """
    found: dict[str, FileQuality] = {}
    if store.is_file():
        try:
            found = _qualities(dict(zip(paths, files, strict=True)), store, data, progress)
        except EdgevalError as error:
            progress.log(f"{_UNSAID}: {error}")
    return [file.model_copy(update={"quality": found.get(file.sha256)}) for file in files]


@dataclass(frozen=True)
class _Asked:
    """What the files were asked, and what they said.

    Attributes:
        runs: The best run of each file, by its hash.
        protocol: How items were scored.
        items: All items of the split.
    """

    runs: Mapping[str, FileRun]
    protocol: Protocol
    items: Sequence[Item]

    def scores(self) -> dict[str, Scores]:
        """Return by hash the scores of all items, or of a random sample of them."""
        n_total = len(self.items)
        # The beginning of any other order may have been stopped, or drawn, for what was seen of it.
        order = order_items([item.group for item in self.items], "random", Options.seed)
        found: dict[str, Scores] = {}
        for sha256, each in self.runs.items():
            known = each.run.scored()
            chosen = order if len(known) == n_total else beginning(order, known)
            if chosen:
                found[sha256] = each.run.scores({index: self.items[index] for index in chosen})
        return found

    def quality(self, sha256: str, scores: Scores) -> FileQuality:
        """Return how accurate a file is."""
        run, name, n_total = self.runs[sha256], self.protocol.metric, len(self.items)
        found = metrics_of(list(scores.values()), n_total, [name])[name]
        assert found.interval is not None  # They are a random sample.
        return FileQuality(
            task=registry.of_key(run.setting.task),
            data=printable(run.data, 100),
            protocol=self.protocol.name,
            shots=run.setting.shots,
            metric=name,
            accuracy=found.value,
            n_items=len(scores),
            n_total=n_total,
            accuracy_interval=found.interval,
        )


def _qualities(
    files: Mapping[Path, BenchedFile], store: Path, data: Path | None, progress: Progress
) -> dict[str, FileQuality]:
    """Return the quality of files by their hashes."""
    with readable(store) as connection:
        runs = runs_of_files(connection, {file.sha256 for file in files.values()})
        for of_files in _by_what_is_asked(runs):
            asked = _asked(of_files, data)
            if asked is None:
                continue
            scores = asked.scores()
            found = {sha256: asked.quality(sha256, each) for sha256, each in scores.items()}
            scored = {path: file for path, file in files.items() if file.sha256 in found}
            for model in _models(scored):
                found |= _with_drift(model, found, scores, asked)
            return found
    if runs:
        progress.log(
            f"{_UNSAID}: the store has scores on {printable(runs[-1].data, 100)}, which is neither "
            "cached here nor of this edgeval's tasks; name its file with --data"
        )
    return {}


def _by_what_is_asked(runs: Sequence[FileRun]) -> list[dict[str, FileRun]]:
    """Return for each question the best run of each file, by its hash.

    What most files were asked comes first, then what most items are of, then the newest.
    """
    n_scored = {each.run.number: len(each.run.scored()) for each in runs}
    found: dict[str, dict[str, FileRun]] = {}
    for each in runs:
        of_files = found.setdefault(each.setting.items_text, {})
        known = of_files.get(each.setting.gguf_sha256)
        # The newer ones come later.
        if known is None or n_scored[each.run.number] >= n_scored[known.run.number]:
            of_files[each.setting.gguf_sha256] = each

    def worth(of_files: Mapping[str, FileRun]) -> tuple[int, int, float]:
        chosen = of_files.values()
        n_items = sum(n_scored[each.run.number] for each in chosen)
        return len(chosen), n_items, max(each.created_at.timestamp() for each in chosen)

    return sorted(found.values(), key=worth, reverse=True)


def _asked(runs: Mapping[str, FileRun], data: Path | None) -> _Asked | None:
    """Return what was asked in runs; None if that is of another edgeval, or not to be had here."""
    first = next(iter(runs.values()))
    if first.setting.scoring_version != SCORING_VERSION:
        return None
    found = stored_items(first.setting, first.data, data)
    return None if found is None else _Asked(runs, found.protocol, found.items)


def _models(files: Mapping[Path, BenchedFile]) -> list[list[BenchedFile]]:
    """Return the files of each model, the most precise first."""

    def kept(path: Path) -> tuple[float, ...]:
        file = files[path]
        return precision(file.type, 8 * file.tensor_bytes / file.n_params)

    found: list[tuple[Header, list[BenchedFile]]] = []
    for path in sorted(files, key=kept, reverse=True):
        header = read_header(path)
        same = next((each for first, each in found if not differences(first, header)), None)
        if same is None:
            found.append((header, [files[path]]))
        else:
            same.append(files[path])
    return [model for _, model in found]


def _with_drift(
    model: Sequence[BenchedFile],
    found: Mapping[str, FileQuality],
    scores: Mapping[str, Scores],
    asked: _Asked,
) -> dict[str, FileQuality]:
    """Return the quality of a model's files with what tells them from the first one."""
    reference, *others = model
    theirs = scores[reference.sha256]
    drifts = []
    for file in others:
        ours = scores[file.sha256]
        both = [index for index in ours if index in theirs]
        drifts.append(
            drift(
                file.type,
                [ours[index] for index in both],
                reference.type,
                [theirs[index] for index in both],
                asked.protocol.metric,
            )
        )
    return {
        file.sha256: found[file.sha256].model_copy(
            update={
                "drift_points": each.difference_points,
                "drift_items": each.n_items,
                "drift_interval": each.new_items,
                "drift_reference": reference.type,
            }
        )
        for file, each in zip(others, judged(drifts, len(asked.items), MARGIN_POINTS), strict=True)
    }
