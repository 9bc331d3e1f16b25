"""Command line, run as ``edgeval`` or with ``python -m edgeval``."""

import sys

from edgeval.errors import INTERRUPTED, InterruptedRunError
from edgeval.system import streams
from edgeval.system.interrupts import in_words


def main() -> None:
    """Run the command line; an interruption is a sentence also while it is loaded."""
    try:
        with in_words():
            from edgeval.cli import main as run
    except InterruptedRunError as error:
        streams.guard()
        sys.stderr.write(f"error: {error}\n")
        sys.exit(INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
