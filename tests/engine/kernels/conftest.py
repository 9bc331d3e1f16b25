from __future__ import annotations

from pathlib import Path

import pytest

from edgeval.engine.kernels.small_model import small_model


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let no test remember what another one found."""
    monkeypatch.setenv("EDGEVAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kernels"


@pytest.fixture(scope="module")
def q4_k(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "small-Q4_K.gguf"
    small_model("Q4_K").write(path)
    return path
