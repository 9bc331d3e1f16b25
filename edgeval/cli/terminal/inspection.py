"""Inspection as tables for the terminal."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from edgeval.gguf.remarks import of_file
from edgeval.records.inspection import Inspection, MetadataValue, TokenizerInfo, TypeSum
from edgeval.report import formatting as fmt
from edgeval.system.console import stdout_console
from edgeval.system.listings import Listing
from edgeval.system.tables import Table

_LAYER = re.compile(r"(?<=\.)\d+(?=\.)")
NO_PRE = (
    "; no pre-tokenizer is said (tokenizer.ggml.pre), so llama.cpp takes its default, and texts "
    "may get other tokens than the model was trained on: name the right one with --pre NAME"
)
_LONGEST = 300
"""Characters of a value that are looked at; no line of a terminal has more."""


def print_inspection(found: Inspection) -> None:
    """Print what a GGUF says of itself, in tables."""
    stdout_console().print_each(tables(found), are_apart=True)


def inspection_json(found: Inspection) -> str:
    """Return an inspection as a JSON object."""
    return json.dumps(found.model_dump(mode="json"), indent=2)


def tables(found: Inspection) -> Iterator[Table | Listing]:
    """Yield what to print, one below another."""
    yield _facts(found)
    if found.tokenizer is not None:
        yield _facts_of_tokenizer(found.tokenizer)
    if found.metadata:
        yield _metadata(found.metadata)
    if found.tensors:
        yield _types(found.types)
        yield _tensors(found)


def _facts(found: Inspection) -> Listing:
    others = f" and {found.n_files - 1:,} more" if found.n_files > 1 else ""
    rows = {
        "file": f"{found.file}{others}, {fmt.size(found.file_bytes)}",
        "SHA-256": found.sha256,
        "format": f"GGUF {found.gguf_version}, aligned to {found.alignment} bytes",
        "architecture": found.architecture or "not said",
        "name": found.name or "not said",
        "file type": _file_type(found),
        "parameters": f"{found.n_params:,}",
    }
    if found.bits_per_weight is not None:
        rows["tensors"] = (
            f"{len(found.tensors):,}, {fmt.size(found.tensor_bytes)}, "
            f"{found.bits_per_weight:.2f} bits/weight"
        )
    return _listing(rows)


def _file_type(found: Inspection) -> str:
    if found.said_file_type is None and found.file_type != "unknown":
        return f"{found.file_type}, which the file does not say: its tensors are so"
    notes = of_file(found.file_type, found.mix, None)
    return " ".join([found.file_type + (":" if notes else ""), *notes])


def _facts_of_tokenizer(tokenizer: TokenizerInfo) -> Listing:
    types = ", ".join(f"{n:,} {name}" for name, n in (tokenizer.types or {}).items())
    adds = {
        "BOS": tokenizer.adds_bos,
        "EOS": tokenizer.adds_eos,
        "a space in front": tokenizer.adds_space_prefix,
    }
    rows = {
        "tokenizer": tokenizer.model
        + (f", pre-tokenizer {tokenizer.pre}" if tokenizer.pre else "")
        + (NO_PRE if tokenizer.lacks_pre else ""),
        "tokens": f"{tokenizer.n_tokens:,}" + (f": {types}" if types else ""),
        "special": ", ".join(
            f"{name} {token.id} {'not in the vocabulary' if token.text is None else token.text}"
            for name, token in tokenizer.special.items()
        ),
        "adds": ", ".join(
            name if is_added else f"not {name}"
            for name, is_added in adds.items()
            if is_added is not None
        ),
        "merges": f"{tokenizer.n_merges:,}" if tokenizer.n_merges else "",
        "chat template": "yes" if tokenizer.has_chat_template else "no",
    }
    return _listing({name: value for name, value in rows.items() if value})


def _metadata(metadata: dict[str, MetadataValue]) -> Table:
    table = Table(f"metadata: {len(metadata):,} keys")
    table.add_column("key")
    table.add_column("value", is_cut=True)
    for key, value in metadata.items():
        table.add_row(key[:_LONGEST], _value(value)[:_LONGEST])
    return table


def _value(value: MetadataValue) -> str:
    if not isinstance(value.value, list):
        return str(value.value)
    rest = ", …" if value.length and value.length > len(value.value) else ""
    return f"{value.length:,}: {', '.join(map(str, value.value))}{rest}"


def _types(types: Sequence[TypeSum]) -> Table:
    numbers = ("tensors", "parameters", "size", "bits/weight")
    table = Table.of("tensors by type", ("type", *numbers), numbers=numbers)
    for each in types:
        table.add_row(
            each.type,
            f"{each.n_tensors:,}",
            f"{each.n_params:,}",
            fmt.size(each.n_bytes),
            f"{8 * each.n_bytes / each.n_params:.2f}",
        )
    return table


def _tensors(found: Inspection) -> Table:
    """Return the tensors, one row for those that differ in their layer alone."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    sizes: Counter[tuple[str, str]] = Counter()
    for tensor in found.tensors:
        row = _LAYER.sub("*", tensor.name), str(tensor.shape)
        counts.setdefault(row, Counter())[tensor.type] += 1
        sizes[row] += tensor.n_bytes
    table = Table.of(
        f"tensors: {len(found.tensors):,}, those of all layers in one row",
        ("name", "shape", "types", "size"),
        numbers=("shape", "size"),
    )
    for (name, shape), types in counts.items():
        kinds = ", ".join(f"{n:,} {kind}" for kind, n in types.most_common())
        table.add_row(name[:_LONGEST], shape, kinds, fmt.size(sizes[name, shape]))
    return table


def _listing(rows: dict[str, str]) -> Listing:
    return Listing({name: value[:_LONGEST] for name, value in rows.items()})
