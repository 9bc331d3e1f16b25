"""The command line: parse, call one public function, render. No logic."""

from edgeval.cli.app import app, main
from edgeval.cli.cache import cache
from edgeval.cli.doctor import doctor
from edgeval.cli.evaluation import compare, evaluate, report, run
from edgeval.cli.ggufs import TypesCommand, convert, imatrix, inspect, quantize
from edgeval.cli.lists import models, protocols, schema
from edgeval.cli.references import reference
from edgeval.cli.runs import runs
from edgeval.cli.verdicts import verdict

__all__ = ["app", "main"]

# --help lists them in this order.
app.command()(run)
app.command()(convert)
app.command(cls=TypesCommand)(quantize)
app.command()(inspect)
app.command()(imatrix)
app.command(name="eval")(evaluate)
app.command()(models)
app.command()(protocols)
app.command()(report)
app.command()(verdict)
app.command()(compare)
app.command()(doctor)
app.add_typer(runs, name="runs")
app.add_typer(reference, name="reference")
app.add_typer(cache, name="cache")
app.command()(schema)
