from __future__ import annotations

from collections.abc import Iterator

import pytest

from edgeval.engine import Worker, use


@pytest.fixture(autouse=True)
def own_process() -> Iterator[Worker]:
    with use(Worker()) as engine:
        assert isinstance(engine, Worker)
        yield engine
