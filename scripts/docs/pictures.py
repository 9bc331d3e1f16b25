"""Pictures of the README: the first screen of the demo's report, light and dark.

Example::

    python -m scripts.docs.pictures        # of the record in scripts/docs/data
    python -m scripts.docs.pictures --run  # of a new record, which replaces that one

The record is that of ``edgeval run demo --out report``. It needs Playwright and Chromium.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from edgeval.records import Report
from edgeval.report.pages import html_page
from edgeval.report.record_files import load
from tests.helpers.browser import SCHEMES, Visit, chromium, visit

ROOT = Path(__file__).parents[2]
RECORD = ROOT / "scripts" / "docs" / "data" / "report.json"
PICTURES = ROOT / "edgeval" / "docs" / "images"
SIZE = {"width": 1280, "height": 800}
PIXELS = 2
"""Of the picture, in each direction, for one of the page: screens of today have as many."""
QUALITY = 85


def evaluate() -> None:
    """Evaluate the demo, and put its record where the pictures are made from."""
    with tempfile.TemporaryDirectory() as folder:
        own = {"PYTHONPATH": str(ROOT), "EDGEVAL_STORE": str(Path(folder, "edgeval.db"))}
        command = [sys.executable, "-m", "edgeval", "run", "demo", "--out", "report"]
        subprocess.run(command, check=True, cwd=folder, env={**os.environ, **own})
        RECORD.parent.mkdir(exist_ok=True)
        shutil.copyfile(Path(folder, "report", RECORD.name), RECORD)


def picture(seen: Visit, scheme: str) -> bytes:
    """Return the first screen of a page as WebP, which Playwright itself does not write."""
    seen.page.emulate_media(color_scheme=scheme)
    options = {"format": "webp", "quality": QUALITY}
    session = seen.page.context.new_cdp_session(seen.page)
    found: dict[str, Any] = session.send("Page.captureScreenshot", options)
    return base64.b64decode(found["data"])


def main() -> None:
    """Replace the pictures, and the record if that is asked for."""
    if "--run" in sys.argv[1:]:
        evaluate()
    record = load(RECORD.parent)
    assert isinstance(record, Report)
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        page = Path(folder, "report.html")
        page.write_text(html_page(record), encoding="utf-8")
        with visit(browser, page, viewport=SIZE, device_scale_factor=PIXELS) as seen:
            for scheme in SCHEMES:
                path = PICTURES / f"report-{scheme}.webp"
                path.write_bytes(picture(seen, scheme))
                print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
