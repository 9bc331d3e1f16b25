"""A diagnosis for the terminal, rendered without loading llama.cpp."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from edgeval.console import listing, shown, stdout_console
from edgeval.records import Backend, CpuTrial, Diagnosis, Folder, Gpu, GpuCheck
from edgeval.report import formatting as fmt

_LOUD = "bold red"
_STYLES = {"problem": _LOUD, "advice": "bold yellow"}
_NONE, _TIMES, _DELTA = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}", "\N{GREEK CAPITAL LETTER DELTA}"


def print_diagnosis(found: Diagnosis) -> None:
    """Print what was found, a sentence on each thing that is wrong, and the conclusion last."""
    console = stdout_console()
    console.print(listing(_facts(found)))
    console.print()
    if found.devices:
        console.print(_devices(found.devices, found.backends or ()))
    if found.checks:
        console.print(_checks(found))
    for each in found.findings:
        sentence = Text.assemble((f"{each.kind}: ", _STYLES[each.kind]), shown(each.sentence))
        # A command that is copied from it has to stay one line.
        console.print(sentence, soft_wrap=True)
    console.print(conclusion(found), style="bold", soft_wrap=True, markup=False)


def conclusion(found: Diagnosis) -> str:
    """Return what all of it comes to, in a sentence."""
    count = len(found.problems)
    if count:
        begin = "1 problem was found" if count == 1 else f"{count} problems were found"
        if found.cpu is not None:
            return f"{begin}; the CPU computes: {_trial(found.cpu)}."
        if found.cpu_works:
            return f"{begin}; the CPU computes."
        return f"{begin}, and nothing can be evaluated here until that is solved."
    if found.cpu is not None:
        reason = "no GPU was checked" if found.devices else "llama.cpp has no GPU here"
        return f"Nothing is wrong; {reason}, and the CPU computes: {_trial(found.cpu)}."
    names = list(dict.fromkeys(check.device for check in found.checks))
    verb = "computes" if len(names) == 1 else "compute"
    return f"Nothing is wrong; {fmt.listed(names)} {verb} what the CPU does."


def _facts(found: Diagnosis) -> dict[str, str]:
    machine = found.device
    rows = {
        "edgeval": f"{found.edgeval_version}, Python {machine.python}",
        "llama-cpp-python": found.binding_version or "not installed",
        "system": f"{machine.system}, {machine.machine}",
        "CPU": f"{machine.cpu}, {machine.physical_cores} cores ({machine.logical_cores} logical)",
        "memory": f"{fmt.size(machine.memory_bytes)}, {fmt.size(found.free_memory_bytes)} free",
    }
    rows |= {each.name: _folder(each) for each in found.folders}
    if found.backends is None:
        return rows | {"backends": "not known"}
    automatic = [each.name for each in found.devices if each.is_automatic]
    return rows | {
        "backends": ", ".join(map(_backend, found.backends)),
        "auto takes": ", ".join(automatic) or "the CPU",
    }


def _folder(found: Folder) -> str:
    room = "" if found.free_bytes is None else f", {fmt.size(found.free_bytes)} free"
    return f"{found.path}{room}{'' if found.is_writable else ', NOT WRITABLE'}"


def _backend(backend: Backend) -> str:
    return backend.name if backend.is_tested else f"{backend.name} (untested)"


def _trial(trial: CpuTrial) -> str:
    return f"{trial.n_items} items with {trial.type}, {fmt.rate(trial.tokens_per_s)} tokens/s"


def _devices(devices: Sequence[Gpu], backends: Sequence[Backend]) -> Table:
    labels = {each.name: _backend(each) for each in backends}
    table = _table("devices")
    table.add_column("name", no_wrap=True)
    table.add_column("description", overflow="fold")
    table.add_column("backend", overflow="fold")
    table.add_column("memory", justify="right")
    table.add_column("free", justify="right")
    for each in devices:
        table.add_row(
            shown(each.name),
            shown(each.description),
            labels.get(each.backend, each.backend),
            fmt.size(each.total_bytes),
            fmt.size(each.free_bytes),
        )
    return table


def _checks(found: Diagnosis) -> Table:
    table = _table(f"GPUs beside the CPU, with {found.model}")
    table.add_column("device", no_wrap=True)
    table.add_column("type", no_wrap=True)
    for title in ("same\npicks", f"most\n|{_DELTA} logprob|", "nats\na token", "allowed"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("speed", justify="right", no_wrap=True)
    table.add_column("result", no_wrap=True)
    for check in found.checks:
        table.add_row(shown(check.device), check.type, *_numbers(check), _result(check))
    return table


def _numbers(check: GpuCheck) -> Sequence[str]:
    result = check.result
    if result is None:
        return [_NONE] * 5
    return (
        f"{result.n_same_picks}/{result.n_items}",
        f"{result.max_logprob_change:.2g}",
        f"{result.token_change:.2g}",
        f"{result.bar:g}",
        f"{_TIMES}{fmt.plain(result.speedup, 1 if result.speedup < 9.95 else 0)}",
    )


def _result(check: GpuCheck) -> Text:
    return Text("passed") if check.has_passed else Text("FAILED", style=_LOUD)


def _table(title: str) -> Table:
    # The model's name may be a path, which is no markup.
    return Table(title=shown(title), title_justify="left", title_style="bold", header_style="bold")
