"""Picture of the demo's report, for the README.

Example::

    python -m scripts.demo.picture

It runs ``edgeval run demo`` in a temporary folder and photographs the first screen of
``report.html``. It needs Chromium or Chrome.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PICTURE = Path("edgeval/docs/images/report.png")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTH, HEIGHT = 960, 1072


def browser() -> str:
    """Return the path of a browser that can take a screenshot without a window."""
    for name in BROWSERS:
        path = shutil.which(name)
        if path is not None:
            return path
    sys.exit(f"none of {', '.join(BROWSERS)} is on the PATH")


def take(page: Path, picture: Path) -> None:
    """Write the first screen of an HTML page to a PNG."""
    options = [
        "--headless",
        "--no-sandbox",
        "--hide-scrollbars",
        f"--window-size={WIDTH},{HEIGHT}",
        f"--screenshot={picture.resolve()}",
    ]
    command = [browser(), *options, page.resolve().as_uri()]
    subprocess.run(command, check=True, timeout=60, stderr=subprocess.DEVNULL)


def main() -> None:
    """Run the demo and replace the picture."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        store = Path(folder) / "edgeval.db"
        command = ["edgeval", "run", "demo", "--out", str(report), "--store", str(store)]
        subprocess.run([sys.executable, "-m", *command], check=True)
        take(report / "report.html", PICTURE)
    print(f"{PICTURE}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
