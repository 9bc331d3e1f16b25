from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.helpers.hub_server import HubServer
from tests.helpers.hub_user import NEEDED, REPO, WEIGHTS, User


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    for name in (*NEEDED, "README.md"):
        (folder / name).write_text(json.dumps({"name": name}))
    values = np.random.default_rng(0).standard_normal((768, 1024), dtype=np.float32)
    save_file({"lm_head.weight": values}, folder / WEIGHTS)
    (folder / "pytorch_model.bin").write_bytes(b"\0" * 5000)
    return folder


@pytest.fixture
def hub(checkpoint: Path) -> Iterator[HubServer]:
    with HubServer(checkpoint, REPO) as server:
        yield server


@pytest.fixture
def user(tmp_path: Path, hub: HubServer) -> User:
    return User(tmp_path / "home", hub)
