"""Library that draws charts: a file of JavaScript beside this package, and its licences."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).resolve().parents[1] / "vendor"

VEGA: Final = _FOLDER / "vega.js"
"""Vega 6.2, Vega-Lite 6.4 and Vega-Embed 7.0 in one file."""

LICENSES: Final = _FOLDER / "LICENSES.txt"


@functools.cache
def script() -> str:
    """Return the library for a page, with the licences that it must carry.

    It sets ``window.vegaEmbed`` and loads nothing.
    """
    notice = LICENSES.read_text(encoding="utf-8").replace("*/", "* /")
    return f"/*!\n{notice}*/\n{VEGA.read_text(encoding='utf-8')}"
