from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers.browser import NoBrowserError, chromium


# It ends with the tests of pages: while it runs, no other test of this process could call asyncio.
@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """A browser; without one, tests of pages are skipped."""
    try:
        with chromium() as started:
            yield started
    except NoBrowserError as error:
        pytest.skip(f"no browser: {error}")
