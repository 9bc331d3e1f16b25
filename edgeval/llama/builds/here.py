"""Build of llama.cpp that is installed here."""

from __future__ import annotations

from edgeval.llama.builds.commands import remedy_for_amx, remedy_for_other_cpu, this_machine
from edgeval.llama.builds.compilers import Compiler, has_amx_fault
from edgeval.llama.builds.features import compiled_features, feature_difference
from edgeval.llama.builds.libraries import compiler_of, cpu_libraries


def built_by() -> Compiler | None:
    """Return what compiled the installed llama.cpp; None if its libraries do not say."""
    compilers = (compiler_of(library) for library in cpu_libraries())
    return next((each for each in compilers if each is not None), None)


def remedy_for_illegal_instruction(system_info: str = "") -> str:
    """Return what to do about an illegal instruction on this machine, in a sentence.

    Args:
        system_info: llama.cpp's line, if it could still be asked; it says what this CPU lacks.
    """
    machine, compiler = this_machine(), built_by()
    if "AMX_INT8" in machine.features and compiler is not None and has_amx_fault(compiler):
        return remedy_for_amx(machine, compiler)
    compiled = compiled_features(system_info)
    return remedy_for_other_cpu(machine, feature_difference(compiled, machine.features).superfluous)
