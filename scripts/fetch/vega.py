"""Fetch the charts' library: Vega, Vega-Lite and Vega-Embed in one file, and their licences.

Example::

    python -m scripts.fetch.vega

The file is made by vl-convert-python, which is in the extra ``charts`` and has the libraries in its
wheel. The licences come from the packages of the same versions, by npm. Both are committed, so that
pages need neither. Another version changes the file's hash, which a test knows.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections import defaultdict
from pathlib import Path

import vl_convert

from edgeval.report.charts.vendored import LICENSES, VEGA

SNIPPET = "window.vegaEmbed=vegaEmbed;"
BUNDLED = (
    "vega", "d3-", "topojson-client", "delaunator", "robust-predicates", "internmap",
    "json-stringify-pretty-compact", "fast-json-patch", "semver", "tslib",
)  # fmt: skip
"""How the names of packages begin that are in the file; others are those of command lines."""


def licences(versions: dict[str, str]) -> str:
    """Return the licences of what is bundled, each text once below the packages that it is of."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = [f"{name}@{version}" for name, version in versions.items()]
        install = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder]
        subprocess.run([*install, *wanted], check=True)
        packages: dict[str, list[str]] = defaultdict(list)
        for path in sorted(Path(folder, "node_modules").glob("*/package.json")):
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["name"].startswith(BUNDLED):
                (text, *_) = [*path.parent.glob("LICENSE*"), *path.parent.glob("license*")]
                key = text.read_text(encoding="utf-8").strip()
                packages[key].append(f"{found['name']} {found['version']} ({found['license']})")
    return "\n\n".join(f"{', '.join(names)}\n\n{text}" for text, names in packages.items()) + "\n"


def main() -> None:
    """Write both files."""
    latest = vl_convert.get_vegalite_versions()[-1]
    versions = {
        "vega": vl_convert.get_vega_version(),
        "vega-embed": vl_convert.get_vega_embed_version(),
        "vega-lite": latest,
    }
    VEGA.parent.mkdir(exist_ok=True)
    bundle = vl_convert.javascript_bundle(SNIPPET, vl_version=latest)
    VEGA.write_text(bundle.rstrip() + "\n", encoding="utf-8", newline="\n")
    LICENSES.write_text(licences(versions), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
