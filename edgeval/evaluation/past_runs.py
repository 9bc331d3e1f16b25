"""Past runs: what a stored run says of each item, and what tells two of them apart."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from edgeval.errors import StoreError
from edgeval.evaluation.options import Options
from edgeval.evaluation.stored_items import StoredItems
from edgeval.records import Machine, Metric, Speed, by_command
from edgeval.records.history import RunChange
from edgeval.records.score_key import ScoreKey, kernels_of
from edgeval.report.compare.agreement import count_pair, share_of
from edgeval.report.compare.labels import short_cpu
from edgeval.report.compare.matching import changed, changed_features
from edgeval.report.compare.speeds import speed_ratio
from edgeval.report.machines import device_names
from edgeval.stats.metrics import metrics_of, pick
from edgeval.stats.sampling import beginning, order_items
from edgeval.stats.score_changes import Said, score_change
from edgeval.store.runs import FileRun


@dataclass(frozen=True)
class ReadRun:
    """A stored run, read.

    Attributes:
        number: Its number in the store.
        setting: All that could change a score.
        said: What it says of each item, by place in the data set.
        accuracy: Its accuracy; None where the right choices are not known.
        type: llama.cpp's name for how its file is quantized; None where the store does not say.
        n_total: Number of items of the data set; None where the store does not say.
        device: The machine that computed the last of it; None where the store does not say.
        speed: What the command took that scored the most of it; None where that is not known.
    """

    number: int
    setting: ScoreKey
    said: Mapping[int, Said]
    accuracy: Metric | None
    type: str | None
    n_total: int | None
    device: Machine | None
    speed: Speed | None


def read_run(found: FileRun, asked: StoredItems | None) -> ReadRun:
    """Return what the store holds of a run that has scores.

    Args:
        found: The run, while the store is open.
        asked: Its items; None where they are not to be had.

    Raises:
        StoreError: If it has scores of other items.
        sqlite3.DatabaseError: If it has changed on the disk.
    """
    plans, speed = found.run.plans(), _speed(found)
    infos = [plan.info for plan in plans]
    said, accuracy = _likeliest(found) if asked is None else _judged(found, asked)
    device = speed.device if speed else (plans[-1].machine if plans else None)
    return ReadRun(
        number=found.run.number,
        setting=found.setting,
        said=said,
        accuracy=accuracy,
        type=infos[-1].file_type if infos else None,
        n_total=len(asked.items) if asked else (infos[-1].n_total if infos else None),
        device=device,
        speed=speed,
    )


def run_change(before: ReadRun, after: ReadRun, level: float) -> RunChange:
    """Return what is different between a run and an earlier one of the same measurement.

    Args:
        before: The earlier one.
        after: The later one.
        level: How improbable it is to be that sound machines are said to differ.

    Raises:
        StoreError: If they have an item of unlike numbers of choices.
    """
    try:
        scores = score_change(before.said, after.said)
    except ValueError as error:
        raise StoreError(
            f"runs {before.number} and {after.number} of the store have an item of unlike numbers "
            f"of choices; edgeval runs delete {after.number} removes the later one"
        ) from error
    is_same_place = _place(before.setting) == _place(after.setting)
    right = None
    if scores.lost is not None and scores.gained is not None:
        n_right = sum(
            bool(said.is_right) for index, said in after.said.items() if index in before.said
        )
        right = count_pair(
            n_right,
            n_right + scores.lost - scores.gained,
            scores.n_items,
            share_of(after.type, is_same_place=is_same_place),
            level,
        )
    ratio, why_not = speed_ratio(after.speed, before.speed, is_same_place=is_same_place)
    return RunChange(
        since=before.number,
        settings=_differences(before, after),
        scores=scores,
        right=right,
        speed_ratio=ratio,
        no_speed_ratio=why_not,
    )


def _likeliest(found: FileRun) -> tuple[dict[int, Said], None]:
    """Return the most likely choices: without the items nobody knows lengths or right choices."""
    said = {}
    for index, (logprobs, _, _, is_greedy) in found.run.values().items():
        picked = max(range(len(logprobs)), key=logprobs.__getitem__)
        # Of an only choice it tells whether the model would write it.
        said[index] = Said(logprobs, picked if len(logprobs) > 1 else int(not is_greedy[0]))
    return said, None


def _judged(found: FileRun, asked: StoredItems) -> tuple[dict[int, Said], Metric]:
    name, n_total = asked.protocol.metric, len(asked.items)
    scores = found.run.scores(dict(enumerate(asked.items)))
    if not scores:
        raise StoreError(
            f"run {found.run.number} of the store has scores of no item of {found.data}; edgeval "
            f"runs delete {found.run.number} removes it"
        )
    said = {}
    for index, score in scores.items():
        picked = pick(score, name)
        said[index] = Said(score.logprobs, picked, picked == score.item.gold)
    # What any other order has a beginning of may have been chosen for what was seen of it.
    order = order_items([item.group for item in asked.items], "random", Options.seed)
    is_random = len(beginning(order, scores)) == len(scores)
    metrics = metrics_of(list(scores.values()), n_total, [name], is_random=is_random)
    return said, metrics[name]


def _speed(found: FileRun) -> Speed | None:
    """Return what the command took that scored the most items; of equals, the last."""
    stints = by_command(itertools.chain(*found.run.stints.of_plans().values()))
    return max(reversed(stints), key=lambda each: each.n_items, default=None)


def _place(setting: ScoreKey) -> tuple[str, tuple[str, ...], int]:
    return setting.backend, setting.devices, setting.gpu_layers


def _differences(before: ReadRun, after: ReadRun) -> list[str]:
    """Return what else differs between two runs, and may, in clauses."""
    new, old = after.setting, before.setting
    features, kernels = zip(*(kernels_of(each.features) for each in (new, old)), strict=True)
    threads = [str(each.speed.threads) if each.speed else "" for each in (after, before)]
    clauses = [
        changed("", new.engine, old.engine),
        changed("backend ", _backend(new), _backend(old)),
        changed("layers on GPUs ", str(new.gpu_layers), str(old.gpu_layers)),
        changed("scoring version ", str(new.scoring_version), str(old.scoring_version)),
        changed("batch size ", f"{new.batch_tokens:,}", f"{old.batch_tokens:,}"),
        changed("cache ", new.cache_type, old.cache_type),
        changed("attention ", _attention(new), _attention(old)),
        changed("pre-tokenizer ", *(each.pre_tokenizer or "the file's own" for each in (new, old))),
        changed("kernels ", *kernels),
        changed_features(*features),
    ]
    if after.device is not None and before.device is not None:
        clauses.append(changed("machine ", short_cpu(after.device), short_cpu(before.device)))
    if all(threads):
        clauses.append(changed("threads ", *threads))
    return [clause for clause in clauses if clause]


def _backend(setting: ScoreKey) -> str:
    devices = device_names(setting.devices)
    return f"{setting.backend} on {devices}" if devices else setting.backend


def _attention(setting: ScoreKey) -> str:
    return "flash" if setting.flash_attention else "plain"
