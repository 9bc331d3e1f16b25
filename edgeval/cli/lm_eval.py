"""Command that runs lm-evaluation-harness, which knows edgeval as a model then."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand

from edgeval.errors import EdgevalError
from edgeval.system.interrupts import in_words

_KEPT = "answers that --use_cache keeps are there, so run the same command to go on from them"


class HandedOn(TyperCommand):
    """A command whose arguments are another program's, ``--help`` among them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take all arguments as they are."""
        ctx.args = args
        return args


def lm_eval(context: typer.Context) -> None:
    """Run lm-evaluation-harness with GGUFs: --model edgeval --model_args pretrained=FILE.gguf."""
    if importlib.util.find_spec("lm_eval") is None:
        raise EdgevalError(
            "lm-evaluation-harness is not installed; install it with pip install 'edgeval[lm-eval]'"
        )
    from edgeval.engine import running

    with running():
        _harness(context.args)


def _harness(arguments: Sequence[str]) -> None:
    """Run the harness's own command line, which reads the arguments of the program.

    Raises:
        EdgevalError: If the harness that is installed is another one than edgeval knows.
        InterruptedRunError: If it is interrupted.
        SystemExit: As the harness exits.
    """
    try:
        importlib.import_module("edgeval.integrations.lm_eval")
        main = importlib.import_module("lm_eval.__main__").cli_evaluate
    except (ImportError, AttributeError) as error:
        raise EdgevalError(
            f"lm-evaluation-harness cannot be used ({error}); install the version that edgeval "
            "knows with pip install 'edgeval[lm-eval]'"
        ) from error
    typed = sys.argv
    sys.argv = ["lm-eval", *arguments]
    try:
        with in_words(_KEPT):
            main()
    finally:
        sys.argv = typed
