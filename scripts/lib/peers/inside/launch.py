"""Run a command and report its time and peak memory: ``launch.py REPORT.json COMMAND...``.

Linux counts what a child's parent held as held by the child, so that a child measured from a large
process is never small. This one holds next to nothing. Not for Windows.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(report: str, command: list[str]) -> int:
    """Run the command, write ``elapsed_s`` and ``peak_rss_bytes``, return its exit code."""
    if sys.platform == "win32":
        raise NotImplementedError
    started = time.perf_counter()
    child = os.spawnvp(os.P_NOWAIT, command[0], command)
    _, status, usage = os.wait4(child, 0)
    elapsed_s = time.perf_counter() - started
    unit_bytes = 1 if sys.platform == "darwin" else 1024
    with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123 - pathlib is not small
        json.dump({"elapsed_s": elapsed_s, "peak_rss_bytes": usage.ru_maxrss * unit_bytes}, file)
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
