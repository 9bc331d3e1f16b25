"""Diagnosis for the terminal, rendered without loading llama.cpp."""

from __future__ import annotations

from collections.abc import Sequence

from edgeval import errors
from edgeval.records import Backend, Build, Diagnosis, Folder, Gpu, GpuCheck, Surroundings
from edgeval.report import formatting as fmt
from edgeval.report import hardware
from edgeval.system.console import stdout_console
from edgeval.system.listings import Listing
from edgeval.system.screen import Lines, Said, Styled
from edgeval.system.tables import Table

_LOUD = "bold red"
_BINDING = "llama-cpp-python"
_STYLES = {"problem": _LOUD, "advice": "bold yellow"}
_NONE, _TIMES, _DELTA = "\N{EN DASH}", "\N{MULTIPLICATION SIGN}", "\N{GREEK CAPITAL LETTER DELTA}"


def print_diagnosis(found: Diagnosis) -> None:
    """Print the machine, and all that was found."""
    print_surroundings(found)
    print_findings(found)


def print_surroundings(found: Surroundings) -> None:
    """Print what is known before anything is tried."""
    stdout_console().print(Listing(_surroundings(found), len(_BINDING)))


def print_findings(found: Diagnosis) -> None:
    """Print what was tried, a sentence on each thing that is wrong, and the conclusion last."""
    console = stdout_console()
    console.print(Listing(_installed(found), len(_BINDING)))
    console.print("")
    if found.types:
        console.print(_types(found))
    if found.devices:
        console.print(_devices(found.devices, found.backends or ()))
    if found.checks:
        console.print(_checks(found))
    for each in found.findings:
        kind = Styled(f"{each.kind}: ", _STYLES[each.kind])
        console.print([kind, each.sentence])
    console.print(conclusion(found), style="bold")


def conclusion(found: Diagnosis) -> str:
    """Return what all of it comes to, in a sentence."""
    count = len(found.problems)
    if count:
        begin = "1 problem was found" if count == 1 else f"{count} problems were found"
        if not found.cpu_works:
            return f"{begin}, and nothing can be evaluated here until that is solved."
        return f"{begin}; the CPU computes {_computed(found)}."
    begin = "Nothing keeps edgeval from computing" if found.findings else "Nothing is wrong"
    names = list(dict.fromkeys(check.device for check in found.checks))
    if names:
        verb = "computes" if len(names) == 1 else "compute"
        return f"{begin}; {errors.listed(names)} {verb} what the CPU does."
    reason = "no GPU was checked" if found.devices else "llama.cpp has no GPU here"
    return f"{begin}; {reason}, and the CPU computes {_computed(found)}."


def _computed(found: Diagnosis) -> str:
    works = [each.type for each in found.types if each.error is None]
    if len(works) == len(found.types) > 1:
        return f"all {len(works)} types"
    return errors.listed(works)


def _surroundings(found: Surroundings) -> dict[str, str]:
    machine, kind = found.device, hardware.memory_kind(found.device)
    n_cores = f"{machine.physical_cores} {errors.plural(machine.physical_cores, 'core')}"
    free = f"{fmt.size(machine.memory_bytes)}, {fmt.size(found.free_memory_bytes)} free"
    rows = {
        "edgeval": f"{found.edgeval_version}, Python {machine.python}",
        "board": hardware.board(machine),
        "system": ", ".join(filter(None, (machine.os, machine.system, machine.machine))),
        "CPU": f"{machine.cpu}, {n_cores} ({machine.logical_cores} logical)",
        "cores": hardware.core_kinds(machine),
        "memory": f"{free}; {kind}" if kind else free,
        "limits": hardware.limits(machine),
        "conditions": hardware.conditions(found.conditions),
    }
    rows |= {each.name: _folder(each) for each in found.folders}
    return {name: text for name, text in rows.items() if text}


def _installed(found: Diagnosis) -> dict[str, str]:
    rows = {_BINDING: _binding(found)}
    if found.build is not None:
        rows["built for"] = _built(found.build)
    if found.backends is None:
        return rows | {"backends": "not known"}
    automatic = [each.name for each in found.devices if each.is_automatic]
    return rows | {
        "backends": ", ".join(map(_backend, found.backends)),
        "auto takes": ", ".join(automatic) or "the CPU",
    }


def _binding(found: Diagnosis) -> str:
    version = found.binding_version or "not installed"
    if found.build is None:
        return version
    return f"{version}, built by {found.build.compiler or 'an unknown compiler'}"


def _built(build: Build) -> str:
    """Return what the build and the CPU have, in both directions."""
    parts = [", ".join(build.features) or "nothing that is known"]
    if build.missing:
        parts.append(f"not used: {', '.join(build.missing)}")
    if build.superfluous:
        parts.append(f"NOT HERE: {', '.join(build.superfluous)}")
    return "; ".join(parts)


def _folder(found: Folder) -> str:
    room = "" if found.free_bytes is None else f", {fmt.size(found.free_bytes)} free"
    storage = "" if found.storage is None else f", {found.storage}"
    return f"{found.path}{storage}{room}{'' if found.is_writable else ', NOT WRITABLE'}"


def _backend(backend: Backend) -> str:
    return backend.name if backend.is_tested else f"{backend.name} (untested)"


def _types(found: Diagnosis) -> Table:
    numbers = (Lines(f"most |{_DELTA} logprob|", "to exact"), "tokens/s")
    title = f"Types on the CPU, with {found.model}"
    table = Table.of(title, ("type", "kernels", "paths", *numbers), numbers=numbers)
    for each in found.types:
        change, rate = each.max_logprob_change, each.tokens_per_s
        table.add_row(
            each.type,
            Styled("FAILED", _LOUD) if each.error else each.kernels,
            ", ".join(dict.fromkeys(each.kernel_paths.values())) or _NONE,
            _NONE if change is None else f"{change:.2g}",
            _NONE if rate is None else fmt.rate(rate),
        )
    return table


def _devices(devices: Sequence[Gpu], backends: Sequence[Backend]) -> Table:
    labels = {each.name: _backend(each) for each in backends}
    numbers = ("memory", "free")
    titles = ("name", "description", "backend", *numbers)
    table = Table.of("devices", titles, numbers=numbers)
    for each in devices:
        table.add_row(
            each.name,
            each.description,
            labels.get(each.backend, each.backend),
            fmt.size(each.total_bytes),
            fmt.size(each.free_bytes),
        )
    return table


def _checks(found: Diagnosis) -> Table:
    same, nats = Lines("same", "picks"), Lines("nats", "a token")
    most = Lines("most", f"|{_DELTA} logprob|")
    numbers = (same, most, nats, "allowed", "speed")
    title = f"GPUs beside the CPU, with {found.model}"
    table = Table.of(title, ("device", "type", *numbers, "result"), numbers=numbers)
    for check in found.checks:
        table.add_row(check.device, check.type, *_numbers(check), _result(check))
    return table


def _numbers(check: GpuCheck) -> Sequence[str]:
    result = check.result
    if result is None:
        return [_NONE] * 5
    return (
        f"{result.n_same_picks}/{result.n_items}",
        f"{result.max_logprob_change:.2g}",
        f"{result.token_change:.2g}",
        f"{result.bar:.2g}",
        f"{_TIMES}{fmt.plain(result.speedup, 1 if result.speedup < 9.95 else 0)}",
    )


def _result(check: GpuCheck) -> Said:
    return "passed" if check.has_passed else Styled("FAILED", _LOUD)
