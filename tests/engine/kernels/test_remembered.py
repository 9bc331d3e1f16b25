"""What was found out about kernels is remembered by library and CPU."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edgeval.engine.kernels import check_types, choose, remembered
from edgeval.engine.messages import KernelsReady
from tests.helpers.kernels import REARRANGED, SIGILL, Scripted, race

# What is remembered.


def test_what_was_tried_is_not_tried_again() -> None:
    engine = Scripted({("Q6_K", "default"): {"status": "died", "cause": SIGILL}})
    first = check_types(["Q4_K", "Q6_K"], engine)
    # The one that died was the last that its process was asked for.
    assert engine.asked == ["try_kernels"] * 2
    assert [(each.type, each.kernels) for each in first] == [
        ("Q4_K", "default"),
        ("Q4_K", "plain"),
        ("Q6_K", "default"),
        ("Q6_K", "plain"),
    ]
    again = Scripted()
    assert check_types(["Q4_K", "Q6_K", "F16"], again) == [*first, *check_types(["F16"], again)]
    assert again.asked == []
    check_types(["Q4_K"], again, fresh=True)
    assert again.asked == ["try_kernels"]


def test_another_type_is_added_to_what_is_remembered() -> None:
    check_types(["Q4_K"], Scripted())
    engine = Scripted()
    check_types(["IQ4_XS"], engine)
    assert engine.asked == ["try_kernels"]
    check_types(["Q4_K", "IQ4_XS"], engine)
    assert engine.asked == ["try_kernels"]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema_version": 2, "trials": []}', '{"foreign": 1}', "\udce9"]
)
def test_a_damaged_file_is_as_none(content: str, cache: Path) -> None:
    check_types(["Q4_K"], Scripted())
    (path,) = cache.iterdir()
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    engine = Scripted()
    check_types(["Q4_K"], engine)
    assert engine.asked == ["try_kernels"]
    assert json.loads(path.read_text(encoding="utf-8"))["schema_version"] == 1


def test_a_folder_that_cannot_be_written_forgets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, q4_k: Path
) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("EDGEVAL_CACHE", str(tmp_path / "file"))
    engine = Scripted(REARRANGED, [KernelsReady(None), race(2, 1)])
    assert choose(q4_k, "auto", engine).kernels == "plain"


def test_other_libraries_have_another_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "lib"
    folder.mkdir()
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(folder))
    keys = [remembered.machine_key()]
    (folder / "libggml-cpu.so").write_bytes(b"first")
    keys.append(remembered.machine_key())
    # The same under the names that the linker looks for, and what is no library.
    shutil.copyfile(folder / "libggml-cpu.so", folder / "libggml-cpu.so.0.9")
    (folder / "cmake").mkdir()
    (folder / "LICENSE").write_text("text", encoding="utf-8")
    assert remembered.machine_key() == keys[-1]
    (folder / "libggml-cpu.so").write_bytes(b"other content")
    keys.append(remembered.machine_key())
    (folder / "libllama.dylib").write_bytes(b"")
    keys.append(remembered.machine_key())
    monkeypatch.setattr(remembered, "_cpu", lambda: ("another CPU", ""))
    keys.append(remembered.machine_key())
    assert len(set(keys)) == len(keys)
