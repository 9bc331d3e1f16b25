"""Ways to put other content where a GGUF is, by size and header the same."""

from __future__ import annotations

import mmap
import os
import shutil
import sys
from pathlib import Path

import gguf

from edgeval.gguf.parts import read_header

N_MODELS = 3
_SIGN = 0x80


def flipped(source: Path, target: Path, number: int) -> Path:
    """Write a GGUF whose output has other signs in one of its parts."""
    shutil.copy(source, target)
    tensors = {each.name: each for each in read_header(source).tensors}
    tensor = tensors.get("output.weight", tensors["token_embd.weight"])
    if tensor.type.name != "F16":
        sys.exit(f"{source}: {tensor.name} is {tensor.type.name}; name an F16 GGUF")
    size = tensor.nbytes // N_MODELS // 2 * 2
    with target.open("r+b") as file:
        file.seek(tensor.offset + number * size)
        data = bytearray(file.read(size))
        data[1::2] = bytes(each ^ _SIGN for each in data[1::2])
        file.seek(tensor.offset + number * size)
        file.write(data)
    return target


def split(source: Path, folder: Path) -> list[Path]:
    """Split a GGUF into three with the gguf package; the first file has no tensors."""
    reader = gguf.GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    writer = gguf.GGUFWriter(
        folder / "model.gguf",
        architecture,
        split_max_tensors=-(-len(reader.tensors) // 2),
        small_first_shard=True,
    )
    for name, value in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        kind = value.types[-1] if value.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(name, value.contents(), value.types[0], sub_type=kind)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sorted(folder.glob("model-*.gguf"))


def in_place(source: Path, path: Path) -> None:
    """Overwrite a file."""
    with path.open("r+b") as file:
        file.write(source.read_bytes())


def mapped(source: Path, path: Path) -> None:
    """Overwrite a file through a memory map."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as view:
        view[:] = source.read_bytes()
        view.flush()


def anew(source: Path, path: Path) -> None:
    """Remove a file and write one of its name: the inode is often the same."""
    path.unlink()
    path.write_bytes(source.read_bytes())


def renamed(source: Path, path: Path) -> None:
    """Rename another file to its name."""
    other = Path(shutil.copy(source, path.with_name("other")))
    other.replace(path)


def through_a_link(source: Path, path: Path) -> None:
    """Overwrite a file by another of its names."""
    link = path.with_name("hard")
    os.link(path, link)
    in_place(source, link)
    link.unlink()


def behind_a_link(source: Path, path: Path) -> None:
    """Make its name one of another file."""
    path.unlink()
    path.symlink_to(source)


METHODS = (in_place, mapped, anew, renamed, through_a_link, behind_a_link)
