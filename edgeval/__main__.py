"""Command line, run as ``edgeval`` or with ``python -m edgeval``."""

import sys


def main() -> None:
    """Run the command line; an interruption is a sentence also while it is loaded."""
    try:
        from edgeval.cli import main as run
    except KeyboardInterrupt:
        from edgeval.errors import INTERRUPTED, InterruptedRunError

        sys.stderr.write(f"error: {InterruptedRunError()}\n")
        sys.exit(INTERRUPTED)
    run()


if __name__ == "__main__":
    main()
