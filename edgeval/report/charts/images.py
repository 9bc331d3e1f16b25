"""Images of charts, for pages that cannot draw: SVG and PNG, by vl-convert-python.

It holds a JavaScript engine, which takes much address space and ends a process that has too little.
So it runs in a process of its own: a report is worth more than its picture.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Sequence

from edgeval.report.charts.chart import Spec, visible

SVG, PNG = ".svg", ".png"

_BOOT = f"import sys; sys.path[:] = sys.argv[1:]; from {__name__} import main; main()"

_TIMEOUT_S = 120
_SCALE = 2
"""Pixels of a PNG for each of a page."""


def images(specs: Sequence[Spec | None]) -> list[dict[str, bytes]]:
    """Return the images of some charts, all of which one process draws.

    Args:
        specs: Specifications of Vega-Lite; None where there is no chart.

    Returns:
        For each, its files by the ends of their names; none where there is no chart, or where
        vl-convert-python is not installed, or cannot draw on this machine.
    """
    drawn = iter(_drawn([spec for spec in specs if spec is not None]))
    return [{} if spec is None else next(drawn) for spec in specs]


def _drawn(specs: Sequence[Spec]) -> list[dict[str, bytes]]:
    if not specs:
        return []
    command = [sys.executable, "-c", _BOOT, *sys.path]
    try:
        ran = subprocess.run(
            command,
            input=json.dumps(visible(specs)).encode(),
            capture_output=True,
            timeout=_TIMEOUT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return [{} for _ in specs]
    if ran.returncode:
        return [{} for _ in specs]
    drawn = json.loads(ran.stdout)
    return [{end: base64.b64decode(text) for end, text in each.items()} for each in drawn]


def main() -> None:
    """Read specifications, and write their images, as JSON."""
    import vl_convert

    drawn = []
    for spec in json.load(sys.stdin):
        files = {
            SVG: vl_convert.vegalite_to_svg(spec).encode(),
            PNG: vl_convert.vegalite_to_png(spec, scale=_SCALE),
        }
        drawn.append({end: base64.b64encode(each).decode("ascii") for end, each in files.items()})
    json.dump(drawn, sys.stdout)
