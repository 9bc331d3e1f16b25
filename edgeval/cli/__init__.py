"""Command line: parse, call one public function, render. No logic."""

from edgeval.cli.app import app, main
from edgeval.cli.bench import bench
from edgeval.cli.cache import cache
from edgeval.cli.compare import compare
from edgeval.cli.convert import convert
from edgeval.cli.doctor import doctor
from edgeval.cli.evaluate import evaluate
from edgeval.cli.history import history
from edgeval.cli.imatrix import imatrix
from edgeval.cli.inspect import inspect
from edgeval.cli.lm_eval import HandedOn, lm_eval
from edgeval.cli.models import models
from edgeval.cli.pick import pick
from edgeval.cli.protocols import protocols
from edgeval.cli.quantize import TypesCommand, quantize
from edgeval.cli.reference import reference
from edgeval.cli.report import report
from edgeval.cli.run import run
from edgeval.cli.runs import runs
from edgeval.cli.schema import schema
from edgeval.cli.verdict import verdict

__all__ = ["app", "main"]

# --help lists them in this order.
app.command()(run)
app.command()(convert)
app.command(cls=TypesCommand)(quantize)
app.command()(inspect)
app.command()(imatrix)
app.command(name="eval")(evaluate)
app.command()(pick)
app.command()(protocols)
app.command()(report)
app.command()(verdict)
app.command()(compare)
app.command()(history)
app.command(name="lm-eval", cls=HandedOn, add_help_option=False)(lm_eval)
app.command()(bench)
app.command()(doctor)
app.add_typer(models, name="models")
app.add_typer(runs, name="runs")
app.add_typer(reference, name="reference")
app.add_typer(cache, name="cache")
app.command()(schema)
