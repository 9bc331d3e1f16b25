"""Reference files: what the reference said of every item, for machines that never run it."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgeval.errors import DataError, EdgevalError
from edgeval.evaluation.model_run import model_run
from edgeval.records import Metric, ReferenceInfo
from edgeval.records.reference import ReferenceHeader
from edgeval.stats import metrics
from edgeval.stats.top_logprobs import VERSION, is_readable, unpack
from edgeval.store.reference_file import read
from edgeval.store.reference_packing import Packed
from edgeval.system.untrusted import UnreadableError, printable, read_regular
from edgeval.tasks.item import Item, ItemScore
from edgeval.tasks.protocol import of_task
from edgeval.tasks.requests import Work

if TYPE_CHECKING:
    from edgeval.evaluation.file_scorer import FileResult
    from edgeval.evaluation.kl_items import ReferenceTopLogprobs
    from edgeval.evaluation.setup import EvalSetup

__all__ = ["Reference", "ReferenceHeader", "load_reference"]

SUFFIX = ".npz"

_MAX_BYTES = 1_000_000_000
"""All of HellaSwag has less than a million, and some thousand for each item with a sketch."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A reference file that was read.

    Attributes:
        path: The file.
        sha256: Its hash.
        file_bytes: Its size.
        header: What it says before its scores.
        packed: The scores.
        sketches: Sketches of some items by their indices, as ``edgeval.sketch`` packs them.
    """

    path: Path
    sha256: str
    file_bytes: int
    header: ReferenceHeader
    packed: Packed
    sketches: Mapping[int, bytes]

    @property
    def task(self) -> str:
        """Name of the task that its items are of."""
        from edgeval.tasks import registry

        return registry.of_key(self.header.setting.task)

    @property
    def indices(self) -> list[int]:
        """Indices of its items in the data set, ascending."""
        return [int(index) for index in self.packed.places]

    @property
    def is_whole(self) -> bool:
        """Whether it has every item of the data set."""
        return len(self.packed.places) == self.header.n_total

    def scores(self, items: Mapping[int, Item]) -> dict[int, ItemScore]:
        """Return the scores that it has of some items, by their indices.

        Raises:
            EdgevalError: If one is of another number of choices.
        """
        found = self.packed.scores(items)
        for score in found.values():
            if len(score.logprobs) != score.item.n_choices:
                raise EdgevalError(
                    f"{self.path} has {len(score.logprobs)} choices for item {score.item.id}, "
                    f"which has {score.item.n_choices}; export the reference again"
                )
        return found

    def measured(self, setup: EvalSetup) -> FileResult:
        """Return the reference as a run over the whole data set, or over the items of a setup.

        What scoring took is that of all of the file's items.

        Args:
            setup: What is evaluated; if the file has not all items, it must have these.

        Raises:
            EdgevalError: If an item has another number of choices, or a sketch cannot be read.
        """
        # Who only shows the file needs nothing that evaluates.
        from edgeval.evaluation.file_scorer import FileResult

        rest = set(self.indices) - set(setup.indices) if self.is_whole else ()
        items = {index: setup.item_at(index) for index in (*setup.indices, *sorted(rest))}
        found = self.scores(items)
        scores = {index: found[index] for index in items}
        header, setting = self.header, self.header.setting
        run = model_run(
            setting,
            header.plan_info,
            header.model,
            Work(header.tokens_decoded, header.logit_rows),
            metrics.metrics_of(
                list(scores.values()),
                setup.data.n_total,
                setup.protocol.metrics,
                is_random=setup.data.order != "file",
            ),
            file=header.file,
            nats_per_token=metrics.nats_per_token(list(scores.values())),
            file_bytes=header.model.file_bytes,
            from_reference=ReferenceInfo(
                file=self.path.name,
                sha256=self.sha256,
                created_at=header.created_at,
                engine=setting.engine,
                features=setting.features,
                backend=setting.backend,
                devices=list(setting.devices),
                device=header.device,
                speeds=header.speeds,
            ),
        )
        return FileResult(run, scores, self._sketches_for(setup))

    def _sketches_for(self, setup: EvalSetup) -> ReferenceTopLogprobs | None:
        """Return the sketches that it has for a setup and this edgeval reads, if any."""
        from edgeval.evaluation.kl_items import ReferenceTopLogprobs
        from edgeval.evaluation.kl_sample import having_sketches

        readable = [index for index, packed in self.sketches.items() if is_readable(packed)]
        chosen = having_sketches(setup, readable)
        try:
            found = {index: unpack(self.sketches[index]) for index in chosen.indices}
            if len({(each.ids.shape[1], each.n_drawn) for each in found.values()}) > 1:
                raise ValueError("it has another number of tokens than others")
        except (ValueError, struct.error, zlib.error) as error:
            raise EdgevalError(
                f"{self.path} has a sketch that cannot be read ({error}); export it again, or use "
                "--kl-items 0"
            ) from error
        # Of what it says, a divergence depends on the sketches alone.
        digest = hashlib.sha256(f"{VERSION}".encode())
        for index in self.sketches:
            digest.update(f" {index} ".encode() + self.sketches[index])
        return ReferenceTopLogprobs(digest.hexdigest(), found, chosen.drawn) if found else None

    def metrics(self, data: Path) -> dict[str, Metric]:
        """Return the accuracies over all its items; which choices are right is in the data.

        Args:
            data: The data set that they are of, as a file.

        Raises:
            EdgevalError: If the file cannot be read, or is another data set.
        """
        from edgeval.tasks import registry

        key = self.header.setting
        task = registry.task(self.task)
        data_set = task.load(data)
        if data_set.fingerprint != key.data_fingerprint:
            name = printable(self.header.data, 100)
            raise DataError(f"{data} is not the data set of {self.path}, {name}")
        if len(data_set.rows) != self.header.n_total:
            raise DataError(
                f"{self.path} is of {self.header.n_total:,} items, and {data} has "
                f"{len(data_set.rows):,}; export the reference again"
            )
        protocol = of_task(task, key.protocol)
        items = data_set.items(protocol.rendering)
        scores = self.scores({index: items[index] for index in self.indices})
        return metrics.metrics_of(list(scores.values()), self.header.n_total, protocol.metrics)


def load_references(path: Path) -> tuple[Reference, ...]:
    """Read a reference file, or those of a folder: one a task, all of the same model.

    Raises:
        EdgevalError: If there is none, one cannot be read, or they are not of one model.
    """
    if not path.is_dir():
        return (load_reference(path),)
    found = tuple(map(load_reference, sorted(path.glob(f"*{SUFFIX}"))))
    if not found:
        raise EdgevalError(f"{path} holds no {SUFFIX} file; name the folder of some")
    for each in found[1:]:
        if each.header.setting.gguf_sha256 != found[0].header.setting.gguf_sha256:
            raise EdgevalError(
                f"{found[0].path} and {each.path.name} are of two models; keep those of one in a "
                "folder of their own"
            )
        if each.task in {other.task for other in found[: found.index(each)]}:
            raise EdgevalError(
                f"{path} holds two references of {each.task}; leave one there, or name the file"
            )
    return found


def load_reference(path: Path) -> Reference:
    """Read a reference file.

    Raises:
        EdgevalError: If there is none, or it is damaged, changed or of a newer edgeval.
    """
    try:
        data = read_regular(path, _MAX_BYTES)
    except (OSError, UnreadableError) as error:
        reason = getattr(error, "strerror", None) or error
        raise EdgevalError(f"cannot read {path} ({reason}); check the path") from error
    header, packed = read(path, data)
    return Reference(
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        file_bytes=len(data),
        header=header,
        packed=packed,
        sketches=packed.sketch_of(),
    )
