"""Formats of the field: a benchmark as llama-bench prints it, so that what reads that reads this.

Source: ``tools/llama-bench/llama-bench.cpp`` of llama.cpp. Own columns stand behind its own.
"""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Callable, Iterator
from datetime import timezone
from typing import Any, Final

from edgeval.records.bench import Bench, BenchedFile, Timing
from edgeval.system import escapes
from edgeval.system.untrusted import printable

Row = dict[str, Any]

_FLOATS: Final = {"avg_ts", "stddev_ts", "accuracy", "drift_points"}
_INTEGERS: Final = {"accuracy_items"}
"""Columns that may have no value, which has no type."""
_MIB: Final = 1024.0 * 1024.0


def rows(bench: Bench) -> Iterator[Row]:
    """Yield a row a test: llama-bench's columns in their order, then edgeval's."""
    for file in bench.files:
        for timing in file.timings:
            yield _row(bench, file, timing)


def _row(bench: Bench, file: BenchedFile, timing: Timing) -> Row:
    nanoseconds = [round(each * 1e9) for each in timing.seconds]
    spread = statistics.stdev(nanoseconds) if len(nanoseconds) > 1 else 0
    row: Row = {
        "build_commit": f"llama-cpp-python {bench.binding_version}",
        "build_number": 0,
        "cpu_info": bench.device.cpu,
        "gpu_info": ", ".join(file.gpus),
        "backends": _backend(file),
        "model_filename": file.name,
        "model_type": file.description,
        "model_size": file.tensor_bytes,
        "model_n_params": file.n_params,
        "n_batch": file.n_batch,
        "n_ubatch": file.n_ubatch,
        "n_threads": timing.threads,
        "cpu_mask": "0x0",
        "cpu_strict": False,
        "poll": 50,
        "type_k": "f16",
        "type_v": "f16",
        "n_gpu_layers": file.gpu_layers,
        "n_cpu_moe": 0,
        "split_mode": "layer",
        "main_gpu": 0,
        "no_kv_offload": False,
        "flash_attn": 1,
        "devices": "auto",
        "tensor_split": "0.00",
        "tensor_buft_overrides": "none",
        "load_mode": "auto",
        "lazy_mode": "auto",
        "embeddings": False,
        "no_op_offload": 0,
        "no_host": False,
        "repack": file.kernels == "default",
        "fit_target": 0,
        "fit_min_ctx": 0,
        "n_prompt": timing.n_prompt,
        "n_gen": timing.n_generated,
        "n_depth": timing.n_depth,
        "test_time": bench.created_at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "avg_ns": round(statistics.fmean(nanoseconds)),
        "stddev_ns": round(spread),
        "avg_ts": timing.tokens_per_s,
        "stddev_ts": timing.deviation,
        "samples_ns": nanoseconds,
        "samples_ts": timing.rates,
        "edgeval_version": bench.edgeval_version,
        "model_sha256": file.sha256,
        "file_type": file.type,
        "kernels": file.kernels,
        "kernel_paths": ", ".join(f"{each.type} {each.path}" for each in file.kernel_paths),
    }
    quality = file.quality
    row |= {
        "accuracy": quality and quality.accuracy,
        "accuracy_items": quality and quality.n_items,
        "drift_points": quality and quality.drift_points,
    }
    # Names are from elsewhere: of a file, of a model, of a driver.
    return {key: printable(each) if isinstance(each, str) else each for key, each in row.items()}


def _backend(file: BenchedFile) -> str:
    return "CPU" if file.backend == "cpu" else file.backend.upper()


def as_json(bench: Bench) -> str:
    """Return a JSON array of all rows."""
    return json.dumps(list(rows(bench)), indent=2)


def as_jsonl(bench: Bench) -> str:
    """Return a JSON object a line."""
    return "\n".join(map(json.dumps, rows(bench)))


def as_csv(bench: Bench) -> str:
    """Return a header and a line a row; every value is quoted, a flag is 0 or 1."""
    out = io.StringIO()
    found = [_flat(row) for row in rows(bench)]
    out.write(",".join(found[0] if found else ()) + "\n")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerows(row.values() for row in found)
    return out.getvalue().rstrip("\n")


def as_sql(bench: Bench) -> str:
    """Return a table of SQLite, and its rows."""
    lines: list[str] = []
    for row in map(_flat, rows(bench)):
        if not lines:
            columns = ",\n".join(f"  {name} {_sql_type(name, each)}" for name, each in row.items())
            lines.append(f"CREATE TABLE IF NOT EXISTS llama_bench (\n{columns}\n);\n")
        values = ", ".join(_quoted(each) for each in row.values())
        lines.append(f"INSERT INTO llama_bench ({', '.join(row)}) VALUES ({values});")
    return "\n".join(lines)


def _flat(row: Row) -> Row:
    """Return a row without the lists, which a table has no column for; a flag is 0 or 1."""
    return {
        name: int(each) if isinstance(each, bool) else each
        for name, each in row.items()
        if not isinstance(each, list)
    }


def _sql_type(name: str, value: Any) -> str:
    is_integer = name in _INTEGERS or isinstance(value, int)
    return "REAL" if name in _FLOATS else "INTEGER" if is_integer else "TEXT"


def _quoted(value: Any) -> str:
    if value is None:
        return "NULL"
    return "'" + str(value).replace("'", "''") + "'"


def as_markdown(bench: Bench) -> str:
    """Return llama-bench's table, and its line with the build."""
    has_gpus = any(file.gpus for file in bench.files)
    columns = [("model", -30), ("size", 10), ("params", 10), ("backend", -10)]
    columns += [("ngl", 3)] if has_gpus else []
    columns += [("threads", 7), ("test", 15), ("t/s", 20)]
    head = [_cell(name, width) for name, width in columns]
    rule = ["-" * (abs(width) - 1) + (":" if width > 0 else "-") for _, width in columns]
    lines = [_line(head), _line(rule)]
    for file in bench.files:
        for timing in file.timings:
            values = [printable(file.description), _size(file.tensor_bytes), _count(file.n_params)]
            values += [_backend(file)] + ([str(file.gpu_layers)] if has_gpus else [])
            values += [str(timing.threads), timing.name]
            values.append(f"{timing.tokens_per_s:.2f} ± {timing.deviation:.2f}")
            widths = [width for _, width in columns]
            lines.append(_line([_cell(*pair) for pair in zip(values, widths, strict=True)]))
    lines += ["", f"build: llama-cpp-python {bench.binding_version}"]
    return "\n".join([*lines, *_power_lines(bench)])


def _power_lines(bench: Bench) -> Iterator[str]:
    """Yield the mean power over all tests, by each source, as board owners write it."""
    watts: dict[str, list[tuple[float, float]]] = {}
    for file in bench.files:
        for timing in file.timings:
            for each in timing.power:
                watts.setdefault(each.source, []).append((each.watts, sum(timing.seconds)))
    for source, found in watts.items():
        mean = sum(power * length for power, length in found) / sum(each for _, each in found)
        yield f"Avg power consumption: {mean:.1f} W ({escapes.markdown(printable(source))})"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str, width: int) -> str:
    text = escapes.markdown(text)
    return text.ljust(-width) if width < 0 else text.rjust(width)


def _size(n_bytes: int) -> str:
    is_small = n_bytes < 1024 * _MIB
    return f"{n_bytes / _MIB:.2f} MiB" if is_small else f"{n_bytes / _MIB / 1024:.2f} GiB"


def _count(n_params: int) -> str:
    return f"{n_params / 1e6:.2f} M" if n_params < 1e9 else f"{n_params / 1e9:.2f} B"


FORMATS: Final[dict[str, Callable[[Bench], str]]] = {
    "md": as_markdown,
    "json": as_json,
    "jsonl": as_jsonl,
    "csv": as_csv,
    "sql": as_sql,
}
"""Each format of llama-bench by the name that it has there."""
