"""Surroundings: what is known of a machine before anything is tried, and told first.

It loads nothing that computes: on a small board that alone takes seconds.
"""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from edgeval import __version__
from edgeval.doctor.machine import folder
from edgeval.evaluation.options import DEFAULT_STORE
from edgeval.llama import machine
from edgeval.records import Surroundings
from edgeval.system.engine_version import binding_version
from edgeval.system.files import cache_folder
from edgeval.system.free_memory import available


def look_around(store: str | Path = DEFAULT_STORE) -> Surroundings:
    """Return what is known before anything is tried; that takes no second.

    Args:
        store: The file that scores are kept in.
    """
    return Surroundings(
        edgeval_version=__version__,
        created_at=datetime.now(timezone.utc),
        binding_version=binding_version(),
        device=machine.describe(),
        conditions=machine.conditions(Path(store)),
        free_memory_bytes=available().n_bytes,
        folders=[folder("cache", cache_folder()), folder("store", Path(store))],
    )
