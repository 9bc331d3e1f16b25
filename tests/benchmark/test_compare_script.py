"""Script of llama.cpp that compares two builds: it finds its columns and pairs edgeval's rows.

Source: ``scripts/compare-llama-bench.py`` of llama.cpp in llama-cpp-python 0.3.36, its
``LLAMA_BENCH_DB_FIELDS`` with ``LLAMA_BENCH_DB_TYPES``, and ``LLAMA_BENCH_KEY_PROPERTIES``.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3

import pytest

from edgeval.benchmark.formats import FORMATS
from tests.helpers.benches import example_bench

TYPES = {
    "TEXT": "build_commit cpu_info gpu_info backends model_filename model_type cpu_mask type_k "
    "type_v split_mode tensor_split tensor_buft_overrides load_mode test_time",
    "INTEGER": "build_number model_size model_n_params n_batch n_ubatch n_threads cpu_strict poll "
    "n_gpu_layers main_gpu no_kv_offload flash_attn embeddings no_op_offload n_prompt n_gen "
    "n_depth avg_ns stddev_ns n_cpu_moe fit_target fit_min_ctx",
    "REAL": "avg_ts stddev_ts",
}
KEYS = """
cpu_info gpu_info backends n_gpu_layers n_cpu_moe tensor_buft_overrides model_filename model_type
n_batch n_ubatch embeddings cpu_mask cpu_strict poll n_threads type_k type_v load_mode no_kv_offload
split_mode main_gpu tensor_split flash_attn n_prompt n_gen n_depth fit_target fit_min_ctx
"""


def database(*versions: str) -> sqlite3.Connection:
    """Return what ``sqlite3`` makes of a benchmark's ``--output sql``, once a build."""
    made = sqlite3.connect(":memory:")
    for version in versions:
        bench = example_bench().model_copy(update={"binding_version": version})
        made.executescript(FORMATS["sql"](bench))
    return made


def test_its_columns_have_its_types() -> None:
    kinds = {row[1]: row[2] for row in database("0.3.36").execute("PRAGMA table_info(llama_bench)")}
    wanted = {name: kind for kind, names in TYPES.items() for name in names.split()}
    assert {name: kinds.get(name) for name in wanted} == wanted


@pytest.mark.parametrize("gpus", [(), ("Some GPU",)])
def test_objects_and_lines_have_what_it_requires(gpus: tuple[str, ...]) -> None:
    required = {*KEYS.split(), "build_commit", "test_time", "avg_ts"}
    bench = example_bench(gpus=gpus)
    rows = json.loads(FORMATS["json"](bench))
    rows += [json.loads(line) for line in FORMATS["jsonl"](bench).splitlines()]
    rows += csv.DictReader(io.StringIO(FORMATS["csv"](bench)))
    assert len(rows) == 9
    assert all(required <= row.keys() for row in rows)


def test_rows_of_two_builds_are_pairs() -> None:
    """As its ``_get_rows_llama_bench`` joins them: a NULL would be equal to nothing."""
    equal = " AND ".join(f"tb.{name} = tc.{name}" for name in KEYS.split())
    found = database("0.3.36", "0.3.37").execute(
        "SELECT tb.n_prompt, tb.n_gen, tb.n_depth, AVG(tb.avg_ts), AVG(tc.avg_ts) "
        f"FROM llama_bench tb JOIN llama_bench tc ON {equal} "
        "AND tb.build_commit = 'llama-cpp-python 0.3.36' "
        "AND tc.build_commit = 'llama-cpp-python 0.3.37' GROUP BY tb.n_prompt, tb.n_gen, tb.n_depth"
    )
    assert found.fetchall() == [
        (0, 128, 1024, 12.8, 12.8),
        (512, 0, 0, 230.4, 230.4),
        (4096, 128, 0, 42.24, 42.24),
    ]
