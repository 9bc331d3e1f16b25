"""Builds: how the installed llama.cpp was built, and how it would be built best for this machine.

Nothing here loads llama.cpp, whose libraries may die while they are loaded.
"""

from edgeval.llama.builds.commands import (
    BACKEND_OPTIONS,
    PORTABLE,
    BuildMachine,
    best_command,
    gained,
    rebuild_command,
    remedy_for_amx,
    remedy_for_missing,
    remedy_for_other_cpu,
    this_machine,
)
from edgeval.llama.builds.compilers import (
    Compiler,
    InstalledCompiler,
    compilers_here,
    default_compiler,
    has_amx_fault,
)
from edgeval.llama.builds.features import (
    FeatureDifference,
    compiled_features,
    cpu_features,
    feature_difference,
)
from edgeval.llama.builds.here import built_by, remedy_for_illegal_instruction
from edgeval.llama.builds.libraries import compiler_of, cpu_libraries, library_folders

__all__ = [
    "BACKEND_OPTIONS",
    "PORTABLE",
    "BuildMachine",
    "Compiler",
    "FeatureDifference",
    "InstalledCompiler",
    "best_command",
    "built_by",
    "compiled_features",
    "compiler_of",
    "compilers_here",
    "cpu_features",
    "cpu_libraries",
    "default_compiler",
    "feature_difference",
    "gained",
    "has_amx_fault",
    "library_folders",
    "rebuild_command",
    "remedy_for_amx",
    "remedy_for_illegal_instruction",
    "remedy_for_missing",
    "remedy_for_other_cpu",
    "this_machine",
]
