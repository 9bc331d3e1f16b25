"""Replace a GGUF before, between and during evaluations; no answer may be another content's.

Example::

    python -m scripts.check.identity demo-F16.gguf models/demo/items.jsonl --rounds 200 --seed 1

Three models of the same size and header are made of one GGUF, each as a single file and split into
three. They take each other's place in ways that leave size and time, and mostly the inode, as they
were: written in place, through a memory map or a hard link, made anew, renamed, behind a symbolic
link, one part of a split model alone. All evaluations share one store.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from edgeval.engine import running
from edgeval.errors import ChangedFileError
from edgeval.evaluation import file_scorer
from edgeval.evaluation.evaluate import evaluate
from edgeval.evaluation.options import Options
from edgeval.system.progress import NoProgress, Task
from scripts.lib.replacing import METHODS, N_MODELS, anew, flipped, split

_ROUNDS_AN_ENGINE = 10
_ROUNDS_A_PROOF = 20


class Interrupting(NoProgress):
    """Does something once so many items are scored."""

    def __init__(self, n_items: int, action: Callable[[], None]) -> None:
        self._left = n_items
        self._action = action
        self._is_scoring = False
        self.has_acted = False

    def task(self, description: str, *_: object) -> Interrupting:  # type: ignore[override]
        """Return itself; a check of a GPU is no scoring."""
        self._is_scoring = description.startswith("score ")
        return self

    def __enter__(self) -> Task:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def skip(self, amount: float) -> None:
        """Ignore what was scored before."""

    def resize(self, total: float) -> None:
        """Ignore the total."""

    def advance(self, amount: float, note: str = "") -> None:
        """Count, and act when it is time."""
        self._left -= self._is_scoring
        if self._left < 0 and not self.has_acted:
            self.has_acted = True
            self._action()


@dataclass
class Place:
    """Where models take each other's place.

    Attributes:
        paths: The files.
        sources: For each model, its files.
        now: Which model each file is of.
    """

    paths: list[Path]
    sources: list[list[Path]]
    now: list[int] = field(default_factory=list)

    def put(self, number: int, method: Callable[[Path, Path], None], part: int | None) -> None:
        """Put a model, or one file of it, into the place, with the times of what was there."""
        for index, path in enumerate(self.paths):
            if part is not None and index != part:
                continue
            if path.is_symlink():
                anew(self.sources[self.now[index]][index], path)
            status = path.stat()
            method(self.sources[number][index], path)
            if not path.is_symlink():
                os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            self.now[index] = number


@dataclass
class Check:
    """The evaluations, and what they have to say.

    Attributes:
        data: The items.
        folder: Where samples and the store are.
        n_items: Items of an evaluation.
        expected: Samples by the numbers of the files' models, computed without a store.
    """

    data: Path
    folder: Path
    n_items: int
    expected: dict[tuple[int, ...], str] = field(default_factory=dict)

    def answer(
        self, path: Path, *, keeps: bool = True, progress: Interrupting | None = None
    ) -> str:
        """Return the samples of an evaluation."""
        samples = self.folder / "samples.jsonl"
        samples.unlink(missing_ok=True)
        options = Options(
            data=self.data,
            limit=self.n_items,
            store=self.folder / "store.db" if keeps else None,
            # What is replaced while it is scored has to be scored; what is kept of it then is the
            # first that the next evaluation is answered with.
            fresh=progress is not None,
            batch_tokens=256,
            kernels="plain",
        )
        evaluate([path], options, samples=samples, progress=progress)
        return samples.read_text(encoding="utf-8")

    def truth(self, place: Place) -> str:
        """Return what the model says that is in a place now, computed without a store."""
        key = (len(place.paths), *place.now)
        if key not in self.expected:
            clean = self.folder / "clean"
            shutil.rmtree(clean, ignore_errors=True)
            clean.mkdir()
            for index, path in enumerate(place.paths):
                shutil.copy(place.sources[place.now[index]][index], clean / path.name)
            self.expected[key] = self.answer(clean / place.paths[0].name, keeps=False)
        return self.expected[key]


def places(model: Path, folder: Path) -> list[Place]:
    """Return where a single file is, and where a split one is."""
    singles, parts = [], []
    for number in range(N_MODELS):
        source = folder / f"source-{number}"
        source.mkdir()
        singles.append([flipped(model, source / "single.gguf", number)])
        parts.append(split(singles[-1][0], source))
    found = []
    for name, sources in (("single", singles), ("split", parts)):
        (folder / name).mkdir()
        paths = [Path(shutil.copy(each, folder / name)) for each in sources[0]]
        found.append(Place(paths, sources, [0] * len(paths)))
    return found


def one_round(check: Check, place: Place, rng: random.Random) -> str:
    """Replace a model and evaluate; return what was done, for a count.

    Raises:
        SystemExit: If an answer is another content's.
    """
    method, moment = rng.choice(METHODS), rng.choice(("before", "between", "during"))
    part = rng.randrange(len(place.paths)) if len(place.paths) > 1 and rng.random() < 0.5 else None
    number = rng.randrange(N_MODELS)
    outcome = "answered"
    if moment == "between":
        place.put(rng.randrange(N_MODELS), rng.choice(METHODS), None)
    if moment == "during":
        expected, before = check.truth(place), list(place.now)
        change = Interrupting(rng.randrange(check.n_items), lambda: place.put(number, method, part))
        try:
            answer = check.answer(rng.choice(place.paths), progress=change)
        except ChangedFileError:
            outcome = "refused"
        else:
            # It was not replaced in time, or by a link to the same file as before.
            is_same = not change.has_acted or place.now == before
            _require(answer == expected and is_same, method, moment, place)
    else:
        place.put(number, method, part)
    expected = check.truth(place)
    _require(check.answer(rng.choice(place.paths)) == expected, method, moment, place)
    return f"{method.__name__}, {moment}, {outcome}"


def _require(is_right: bool, method: Callable[..., object], moment: str, place: Place) -> None:
    if not is_right:
        sys.exit(f"{place.paths[0].name}: {method.__name__} {moment}: the answer is another's")


def prove(check: Check, every: Sequence[Place]) -> None:
    """Hold what the store says of untouched files to what was computed without it."""
    for place in every:
        for number in range(N_MODELS):
            untouched = Place(place.sources[number], place.sources, [number] * len(place.paths))
            answer = check.answer(untouched.paths[0])
            _require(answer == check.truth(untouched), prove, "after all", untouched)


def main(
    model: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An F16 GGUF.")],
    data: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Items.")],
    rounds: Annotated[int, typer.Option(min=1, help="Replacements.")] = 200,
    items: Annotated[int, typer.Option(min=1, help="Items of an evaluation.")] = 12,
    seed: Annotated[int, typer.Option(help="Seed of what is replaced, and when.")] = 0,
) -> None:
    """Print what was done; exit with 1 if an answer is another content's."""
    # A check before each batch is saved, as for batches that take a second.
    file_scorer._SAVE_INTERVAL_S = 0.0
    rng, done = random.Random(seed), Counter[str]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        every = places(model, folder)
        check = Check(data, folder, items)
        for first in range(0, rounds, _ROUNDS_AN_ENGINE):
            with running():
                for number in range(first, min(rounds, first + _ROUNDS_AN_ENGINE)):
                    done[one_round(check, rng.choice(every), rng)] += 1
                    if number % _ROUNDS_A_PROOF == _ROUNDS_A_PROOF - 1:
                        prove(check, every)
                        typer.echo(f"{number + 1:,} replacements", err=True)
        prove(check, every)
    n_refused = sum(n for name, n in done.items() if name.endswith("refused"))
    typer.echo(
        f"{rounds:,} replacements, {n_refused:,} of them refused while a file was scored: every "
        f"answer is that of the content of its file ({len(check.expected)} contents)"
    )
    for name, n in sorted(done.items()):
        typer.echo(f"  {n:3d} {name}")


if __name__ == "__main__":
    typer.run(main)
