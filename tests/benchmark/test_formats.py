"""Formats of llama-bench: what reads its output reads this."""

from __future__ import annotations

import csv
import io
import json
import sqlite3

import pytest

from edgeval.benchmark.formats import FORMATS
from tests.helpers.benches import example_bench

# `test::get_fields` of tools/llama-bench/llama-bench.cpp in llama-cpp-python 0.3.36.
FIELDS = [
    "build_commit",
    "build_number",
    "cpu_info",
    "gpu_info",
    "backends",
    "model_filename",
    "model_type",
    "model_size",
    "model_n_params",
    "n_batch",
    "n_ubatch",
    "n_threads",
    "cpu_mask",
    "cpu_strict",
    "poll",
    "type_k",
    "type_v",
    "n_gpu_layers",
    "n_cpu_moe",
    "split_mode",
    "main_gpu",
    "no_kv_offload",
    "flash_attn",
    "devices",
    "tensor_split",
    "tensor_buft_overrides",
    "load_mode",
    "lazy_mode",
    "embeddings",
    "no_op_offload",
    "no_host",
    "repack",
    "fit_target",
    "fit_min_ctx",
    "n_prompt",
    "n_gen",
    "n_depth",
    "test_time",
    "avg_ns",
    "stddev_ns",
    "avg_ts",
    "stddev_ts",
]
LISTS = {"samples_ns", "samples_ts"}
ODD = 'it\'s "odd", | a|b.gguf'


def as_text(value: object) -> str:
    return "" if value is None else str(value)


def test_a_table_is_llama_benchs() -> None:
    assert FORMATS["md"](example_bench()).splitlines() == [
        "| model                          |       size |     params | backend    | threads |"
        "            test |                  t/s |",
        "| ------------------------------ | ---------: | ---------: | ---------- | ------: |"
        " --------------: | -------------------: |",
        "| llama 1B Q4_K - Medium         | 637.05 MiB |     1.10 B | CPU        |       4 |"
        "           pp512 |       230.40 ± 36.20 |",
        "| llama 1B Q4_K - Medium         | 637.05 MiB |     1.10 B | CPU        |       4 |"
        "   tg128 @ d1024 |         12.80 ± 0.00 |",
        "| llama 1B Q4_K - Medium         | 637.05 MiB |     1.10 B | CPU        |       4 |"
        "    pp4096+tg128 |         42.24 ± 0.00 |",
        "",
        "build: llama-cpp-python 0.3.36",
    ]


def test_layers_on_a_gpu_are_a_column() -> None:
    head, _, first, *_ = FORMATS["md"](example_bench(gpus=("Some GPU",))).splitlines()
    assert "| ngl |" in head
    assert "| CUDA       |  23 |" in first


def test_objects_have_its_fields_in_their_order() -> None:
    found = json.loads(FORMATS["json"](example_bench()))
    assert [json.loads(line) for line in FORMATS["jsonl"](example_bench()).splitlines()] == found
    assert [list(row)[: len(FIELDS)] for row in found] == [FIELDS] * 3
    first = found[0]
    own = list(first)[len(FIELDS) :]
    assert own[-5:-3] == ["kernels", "kernel_paths"]
    # No store had scores of the file: that is no accuracy of zero.
    assert {name: first[name] for name in own[-3:]} == {
        "accuracy": None,
        "accuracy_items": None,
        "drift_points": None,
    }
    assert first["kernel_paths"] == "Q4_K repack, Q6_K tiled, F32 tiled"
    assert first["samples_ns"] == [2_000_000_000, 2_500_000_000]
    assert first["samples_ts"] == [256.0, 204.8]
    assert (first["avg_ns"], first["avg_ts"]) == (2_250_000_000, 230.4)
    assert first["stddev_ts"] == pytest.approx(36.2, abs=0.01)
    assert (first["n_prompt"], first["n_gen"], first["n_depth"]) == (512, 0, 0)
    assert first["test_time"] == "2026-11-27T12:00:05Z"
    assert first["repack"] is True
    assert found[1]["stddev_ts"] == 0


@pytest.mark.parametrize("name", ["tiny.gguf", ODD])
def test_lines_and_statements_have_them_too(name: str) -> None:
    wanted = [
        {key: as_text(int(each) if isinstance(each, bool) else each) for key, each in row.items()}
        for row in json.loads(FORMATS["json"](example_bench(name)))
    ]
    for row in wanted:
        for key in LISTS:
            del row[key]
    assert list(csv.DictReader(io.StringIO(FORMATS["csv"](example_bench(name))))) == wanted
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    database.executescript(FORMATS["sql"](example_bench(name)))
    found = database.execute("SELECT * FROM llama_bench").fetchall()
    assert [{key: as_text(row[key]) for key in row.keys()} for row in found] == wanted  # noqa: SIM118
    assert [row["accuracy"] for row in found] == [None] * 3
    kinds = {row["name"]: row["type"] for row in database.execute("PRAGMA table_info(llama_bench)")}
    assert [kinds[key] for key in ("model_size", "avg_ts", "cpu_info")] == [
        "INTEGER",
        "REAL",
        "TEXT",
    ]
    assert [kinds[key] for key in ("accuracy", "accuracy_items", "drift_points")] == [
        "REAL",
        "INTEGER",
        "REAL",
    ]
