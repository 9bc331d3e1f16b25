"""Boards: saved benchmarks of several machines, side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from edgeval.benchmark.efficiency import GENERATION, Efficiency, efficiency, fastest
from edgeval.benchmark.published import TINYLLAMA, TINYLLAMA_PARAMETERS
from edgeval.errors import EdgevalError
from edgeval.records import bounds
from edgeval.records.bench import Bench, BenchedFile, Timing
from edgeval.records.sensors import Sustained
from edgeval.report import hardware
from edgeval.system import untrusted
from edgeval.system.untrusted import printable

PUBLISHED_METER: Final = "a meter"
"""The source of powers that others published."""


@dataclass(frozen=True)
class Best:
    """The fastest of the thread counts that a test was run with.

    Attributes:
        tokens_per_s: Tokens a second.
        threads: CPU threads; None where that is not known.
        deviation: Standard deviation of the repetitions' tokens a second; None of a single one.
    """

    tokens_per_s: float
    threads: int | None = None
    deviation: float | None = None


@dataclass(frozen=True)
class BoardRow:
    """One machine with one model.

    Attributes:
        device: The machine.
        speeds: By the test's name, as llama-bench calls it.
        items_per_s: Items scored a second; None if they were not.
        cold_load_s: Seconds from the disk to the first token; None if it was not measured.
        peak_rss_bytes: Most memory of the process; None if it is not known.
        efficiency: Power, energy and heat.
        price: What the machine costs; None if nobody says.
        currency: Of what.
        source: Who published it, or the file of the record.
        url: Where it was published; empty for a record.
        load: What a load over minutes was; None without one.
    """

    device: str
    speeds: dict[str, Best]
    items_per_s: float | None = None
    cold_load_s: float | None = None
    peak_rss_bytes: int | None = None
    efficiency: Efficiency = field(default_factory=Efficiency)
    price: float | None = None
    currency: str = ""
    source: str = ""
    url: str = ""
    load: Sustained | None = None


@dataclass(frozen=True)
class BoardTable:
    """One model on several machines.

    Attributes:
        model: llama.cpp's description of it.
        type: How it is quantized.
        tests: Names of the tests, in their order.
        generation: The test whose power and price are compared.
        rows: The machines, the fastest of the first test first; published ones last.
    """

    model: str
    type: str
    tests: list[str]
    generation: str
    rows: list[BoardRow]


def is_bench(path: Path) -> bool:
    """Return whether a file looks like a record of ``edgeval bench``."""
    try:
        content = untrusted.parse_json(untrusted.read_regular(path, bounds.MAX_BYTES))
    except (OSError, untrusted.UnreadableError):
        return False
    return isinstance(content, dict) and {"files", "binding_version"} <= content.keys()


def load_bench(path: str | Path) -> Bench:
    """Read what ``edgeval bench --save`` wrote, or ``--json`` printed.

    Raises:
        EdgevalError: If there is none, or it is damaged or of another schema.
    """
    path = Path(path)
    try:
        content = untrusted.parse_json(untrusted.read_regular(path, bounds.MAX_BYTES))
        if problem := bounds.beyond(content):
            raise untrusted.UnreadableError(problem)
        return Bench.model_validate(content)
    except FileNotFoundError as error:
        raise EdgevalError(f"no record at {path}; check the path") from error
    except OSError as error:
        raise EdgevalError(f"cannot read {path} ({error.strerror}); check the path") from error
    except ValidationError as error:
        raise _no_bench(path, untrusted.problem(error)) from error
    except untrusted.UnreadableError as error:
        raise _no_bench(path, str(error)) from error


def _no_bench(path: Path, problem: str) -> EdgevalError:
    return EdgevalError(
        f"{path} is no record of edgeval bench: {problem}; name what edgeval bench --save wrote"
    )


def board_tables(paths: Sequence[str | Path]) -> list[BoardTable]:
    """Return each model of several records on all machines that have it.

    Files of the same content are one model. Of TinyLlama, published speeds are there too.

    Raises:
        EdgevalError: If a record cannot be read.
    """
    found: dict[str, list[tuple[Path, Bench, BenchedFile]]] = {}
    for path in map(Path, paths):
        bench = load_bench(path)
        for file in bench.files:
            found.setdefault(file.sha256, []).append((path, bench, file))
    return [_table(each) for each in found.values()]


def _table(found: Sequence[tuple[Path, Bench, BenchedFile]]) -> BoardTable:
    files = [file for _, _, file in found]
    tests = list(dict.fromkeys(timing.name for file in files for timing in file.timings))
    generation = _generation(tests)
    rows = [_row(*each, generation) for each in found]
    first = tests[0] if tests else ""
    rows.sort(key=lambda row: -row.speeds[first].tokens_per_s if first in row.speeds else 0.0)
    head = files[0]
    return BoardTable(
        model=printable(head.description),
        type=printable(head.type, 40),
        tests=tests,
        generation=generation,
        rows=[*rows, *_published(head, generation)],
    )


def _generation(tests: Sequence[str]) -> str:
    """Return the test whose power is compared: others generate more tokens, or fewer."""
    alone = [name for name in tests if name.startswith("tg") and "@" not in name]
    return GENERATION if GENERATION in alone or not alone else alone[0]


def _row(path: Path, bench: Bench, file: BenchedFile, generation: str) -> BoardRow:
    cold = [each.first_token_s for each in file.loading if each.is_cold]
    machine = hardware.board(bench.device) or bench.device.cpu
    return BoardRow(
        device=printable(", ".join([machine, *file.gpus])),
        speeds={name: _best(each) for name, each in fastest(file).items()},
        items_per_s=file.scoring.items_per_s if file.scoring else None,
        cold_load_s=cold[0] if cold else None,
        peak_rss_bytes=file.peak_rss_bytes,
        efficiency=efficiency(bench, file, generation),
        price=bench.price.amount if bench.price else None,
        currency=bench.price.currency if bench.price else "",
        source=printable(path.name),
        load=file.sustained,
    )


def _best(timing: Timing) -> Best:
    deviation = timing.deviation if len(timing.seconds) > 1 else None
    return Best(timing.tokens_per_s, timing.threads, deviation)


def _published(file: BenchedFile, generation: str) -> Iterator[BoardRow]:
    if file.n_params != TINYLLAMA_PARAMETERS:
        return
    for each in TINYLLAMA:
        if each.type == file.type:
            speeds = {"pp512": each.prompt_tokens_per_s, GENERATION: each.tokens_per_s}
            known = {name: Best(rate) for name, rate in speeds.items() if rate is not None}
            yield BoardRow(
                device=each.device,
                speeds=known,
                efficiency=_published_efficiency(each.watts, known.get(generation)),
                source=each.source,
                url=each.url,
            )


def _published_efficiency(watts: float | None, generated: Best | None) -> Efficiency:
    if watts is None:
        return Efficiency()
    joules = watts / generated.tokens_per_s if generated else None
    return Efficiency(watts=watts, source=PUBLISHED_METER, joules_per_token=joules)
