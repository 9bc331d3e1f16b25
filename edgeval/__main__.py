"""Command line, run with ``python -m edgeval``."""

from edgeval.cli.app import main

if __name__ == "__main__":
    main()
