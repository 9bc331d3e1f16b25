"""Emulated board: Debian's packages for arm64, unpacked, and QEMU that runs their programs.

Neither root's rights nor changes to the system are needed: proot lets a folder be the root, and
starts QEMU for each program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scripts.lib.aarch64.wheels import GXX
from scripts.lib.peers.process import PeerError, run

QEMU: Final = "qemu-aarch64-static"

PYTHON: Final = "3.11"
"""Debian 12's."""

_SUITE: Final = "bookworm"
_PACKAGES: Final = ("python3", "libpython3.11-stdlib", "libgomp1", "libstdc++6")

_PROGRAMS: Final = {
    "mmdebstrap": "mmdebstrap",
    "proot": "proot",
    QEMU: "qemu-user-static",
    GXX: "g++-aarch64-linux-gnu",
}
"""Programs that are needed, and Debian's packages of them."""

_FEATURES: Final = (
    "fp", "asimd", "evtstrm", "aes", "pmull", "sha1", "sha2", "crc32", "atomics", "fphp", "asimdhp",
    "cpuid", "asimdrdm", "jscvt", "fcma", "lrcpc", "dcpop", "sha3", "sm3", "sm4", "asimddp",
)  # fmt: skip
"""By bit of ``AT_HWCAP``: Linux's ``arch/arm64/include/uapi/asm/hwcap.h``."""

_ASK: Final = """
import ctypes
AT_HWCAP = 16
ask = ctypes.CDLL(None).getauxval
ask.restype = ctypes.c_ulong
print(ask(AT_HWCAP))
"""


_OF_THE_HOST: Final = ("/proc", "/dev", "/sys/devices/system/cpu")
"""Not all of ``/sys``, which says what board this is."""


@dataclass(frozen=True)
class Cpu:
    """A CPU that QEMU knows.

    Attributes:
        name: QEMU's name of it.
        part: Its number in ``/proc/cpuinfo``.
        board: A board that has it.
    """

    name: str
    part: str
    board: str


@dataclass(frozen=True)
class Ended:
    """How a program ended.

    Attributes:
        code: Its exit code.
        elapsed_s: Seconds, of an emulator.
        stdout: What it wrote there.
        stderr: What it wrote there.
    """

    code: int
    elapsed_s: float
    stdout: str
    stderr: str


class Emulated:
    """A board without its hardware; its root is made when it is first needed."""

    def __init__(self, work: Path, cpu: Cpu) -> None:
        """Name where the root is, and what CPU its programs see."""
        self._work = work
        self._cpu = cpu

    def edgeval(self, *arguments: str, packages: Path, folder: Path) -> Ended:
        """Run edgeval.

        Args:
            arguments: Its arguments.
            packages: A folder that holds it and all that it needs.
            folder: The working folder, which is its home too.
        """
        bound = {packages: "/packages", folder: "/home", self._cpuinfo(): "/proc/cpuinfo"}
        return self._python("-m", "edgeval", *arguments, bound=bound)

    def features(self) -> list[str]:
        """Return what the CPU has, by Linux's names."""
        asked = self._python("-c", _ASK)
        if asked.code:
            raise PeerError(f"QEMU cannot run Python as on a {self._cpu.name}: {asked.stderr}")
        return features_of(int(asked.stdout))

    def _cpuinfo(self) -> Path:
        """Return a file of the CPU in Linux's form: QEMU older than 8.2 shows the host's."""
        path = self._work / f"cpuinfo-{self._cpu.name}"
        lines = {
            "Features": " ".join(self.features()),
            "CPU implementer": "0x41",
            "CPU part": self._cpu.part,
        }
        text = "".join(f"{name}\t: {value}\n" for name, value in lines.items())
        cpus = range(os.cpu_count() or 1)
        path.write_text("\n".join(f"processor\t: {cpu}\n{text}" for cpu in cpus), encoding="utf-8")
        return path

    def _python(self, *arguments: str, bound: Mapping[Path, str] | None = None) -> Ended:
        places = {path: path for path in _OF_THE_HOST} | {
            str(here): there for here, there in (bound or {}).items()
        }
        binds = [word for here, there in places.items() for word in ("-b", f"{here}:{there}")]
        qemu = f"{QEMU} -cpu {self._cpu.name}"
        system = ["-q", qemu, "-r", str(self._root()), *binds, "-w", "/home"]
        started = time.perf_counter()
        done = subprocess.run(
            ["proot", *system, "/usr/bin/python3", *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={
                "PATH": "/usr/bin",
                "HOME": "/home",
                "LC_ALL": "C.UTF-8",
                "PYTHONPATH": "/packages",
            },
            stdin=subprocess.DEVNULL,
        )
        return Ended(done.returncode, time.perf_counter() - started, done.stdout, done.stderr)

    def _root(self) -> Path:
        """Return Debian's packages, unpacked and not set up, which would take an emulator."""
        root, part = self._work / "root", self._work / "root.part"
        if not root.exists():
            print("unpacking Debian's packages for arm64", file=sys.stderr)
            shutil.rmtree(part, ignore_errors=True)
            which = ["--variant=extract", "--arch=arm64", f"--include={','.join(_PACKAGES)}"]
            run(["mmdebstrap", *which, _SUITE, part])
            part.rename(root)
        return root


def features_of(bits: int) -> list[str]:
    """Return the names of what ``AT_HWCAP`` says of a CPU."""
    return [name for bit, name in enumerate(_FEATURES) if bits >> bit & 1]


def require_programs() -> None:
    """Raise a ``PeerError`` that names Debian's packages of what is missing."""
    missing = [package for name, package in _PROGRAMS.items() if shutil.which(name) is None]
    if missing:
        raise PeerError(f"install Debian's {' '.join(missing)}")
