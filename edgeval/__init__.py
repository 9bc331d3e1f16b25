"""edgeval: how far each quantized GGUF stays from the fp16 model and from the published number.

``edgeval.run("demo", edgeval.Options(limit=200))`` is ``edgeval run demo --limit 200``, and so on:
every command is a function. Each is loaded when it is first named, so that importing this costs
nothing.
"""

import importlib

__version__ = "0.1.0"

# Type checkers know the name; importing it takes longer than all of this.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from edgeval.benchmark.bench import bench
    from edgeval.benchmark.options import BenchOptions
    from edgeval.checkpoints.convert.convert import convert
    from edgeval.doctor.diagnose import diagnose
    from edgeval.errors import EdgevalError
    from edgeval.evaluation.evaluate import evaluate
    from edgeval.evaluation.history import history
    from edgeval.evaluation.options import Options
    from edgeval.evaluation.pick.pick import PickResult, pick
    from edgeval.evaluation.pipeline import RunResult, forecast, run
    from edgeval.gguf.inspect import inspect
    from edgeval.quantization.imatrix import imatrix
    from edgeval.quantization.quantize import quantize
    from edgeval.records import Evaluation, Report
    from edgeval.records.bench import Bench
    from edgeval.records.comparison import Comparison
    from edgeval.records.diagnosis import Diagnosis
    from edgeval.records.forecast import Forecast
    from edgeval.records.history import History
    from edgeval.records.inspection import Inspection
    from edgeval.records.paired_samples import PairedSamples
    from edgeval.records.pick import Pick
    from edgeval.report.compare.compare import compare
    from edgeval.report.exports.export import export
    from edgeval.report.gate.gate import Gate, gate
    from edgeval.report.record_files import load_record as load
    from edgeval.report.samples.compare import compare_samples
    from edgeval.store.reference_export import export_reference
    from edgeval.store.runs import list_runs

__all__ = [
    "Bench",
    "BenchOptions",
    "Comparison",
    "Diagnosis",
    "EdgevalError",
    "Evaluation",
    "Forecast",
    "Gate",
    "History",
    "Inspection",
    "Options",
    "PairedSamples",
    "Pick",
    "PickResult",
    "Report",
    "RunResult",
    "bench",
    "compare",
    "compare_samples",
    "convert",
    "diagnose",
    "evaluate",
    "export",
    "export_reference",
    "forecast",
    "gate",
    "history",
    "imatrix",
    "inspect",
    "list_runs",
    "load",
    "pick",
    "quantize",
    "run",
]

_HOMES = {
    "Bench": "edgeval.records.bench:Bench",
    "BenchOptions": "edgeval.benchmark.options:BenchOptions",
    "Comparison": "edgeval.records.comparison:Comparison",
    "Diagnosis": "edgeval.records.diagnosis:Diagnosis",
    "EdgevalError": "edgeval.errors:EdgevalError",
    "Evaluation": "edgeval.records:Evaluation",
    "Forecast": "edgeval.records.forecast:Forecast",
    "Gate": "edgeval.report.gate.gate:Gate",
    "History": "edgeval.records.history:History",
    "Inspection": "edgeval.records.inspection:Inspection",
    "Options": "edgeval.evaluation.options:Options",
    "PairedSamples": "edgeval.records.paired_samples:PairedSamples",
    "Pick": "edgeval.records.pick:Pick",
    "PickResult": "edgeval.evaluation.pick.pick:PickResult",
    "Report": "edgeval.records:Report",
    "RunResult": "edgeval.evaluation.pipeline:RunResult",
    "bench": "edgeval.benchmark.bench:bench",
    "compare": "edgeval.report.compare.compare:compare",
    "compare_samples": "edgeval.report.samples.compare:compare_samples",
    "convert": "edgeval.checkpoints.convert.convert:convert",
    "diagnose": "edgeval.doctor.diagnose:diagnose",
    "evaluate": "edgeval.evaluation.evaluate:evaluate",
    "export": "edgeval.report.exports.export:export",
    "export_reference": "edgeval.store.reference_export:export_reference",
    "forecast": "edgeval.evaluation.pipeline:forecast",
    "gate": "edgeval.report.gate.gate:gate",
    "history": "edgeval.evaluation.history:history",
    "imatrix": "edgeval.quantization.imatrix:imatrix",
    "inspect": "edgeval.gguf.inspect:inspect",
    "list_runs": "edgeval.store.runs:list_runs",
    "load": "edgeval.report.record_files:load_record",
    "pick": "edgeval.evaluation.pick.pick:pick",
    "quantize": "edgeval.quantization.quantize:quantize",
    "run": "edgeval.evaluation.pipeline:run",
}

# Type checkers, which see the imports above, are to know no name beside them.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Return a public name, loaded now."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Records lie below what draws them, and cannot load it: who gets records here gets both.
        importlib.import_module("edgeval.report.notebook")
        module, attribute = _HOMES[name].split(":")
        value = globals()[name] = getattr(importlib.import_module(module), attribute)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
