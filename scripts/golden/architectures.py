"""Record what llama.cpp's source says of its architectures, for tests/llama/test_architectures.py.

Example::

    python -m scripts.golden.architectures LLAMA_CPP VERSION > tests/golden/architectures.json

LLAMA_CPP is the source of llama.cpp, as it is inside the source distribution of llama-cpp-python;
VERSION is that of the distribution.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer

_CASE = r"case (LLM_ARCH_\w+):"


def main(
    llama_cpp: Annotated[Path, typer.Argument(help="Source of llama.cpp.")],
    version: Annotated[str, typer.Argument(help="That of llama-cpp-python.")],
) -> None:
    """Print the facts as JSON."""
    facts = {"version": version, "architectures": architectures(llama_cpp / "src")}
    typer.echo(json.dumps(facts, indent=1, sort_keys=True))


def architectures(source: Path) -> dict[str, dict[str, bool]]:
    """Return the facts by the names of the architectures."""
    names = (source / "llama-arch.cpp").read_text(encoding="utf-8")
    model = (source / "llama-model.cpp").read_text(encoding="utf-8")
    known = re.findall(r'{ (LLM_ARCH_\w+),\s+"([^"(]+)"', names)
    classes = dict(re.findall(_CASE + r"\s+return new (\w+)\(", model))
    without_memory = _cases(re.search(r"create_memory\(.*?res = nullptr", model, re.DOTALL))
    encoders = _cases(_body(model, "llama_model_has_encoder"))
    no_decoders = _cases(_body(model, "llama_model_has_decoder"))
    kinds = {
        kind: _cases(_body(names, f"llm_arch_is_{kind}"))
        for kind in ("recurrent", "hybrid", "diffusion")
    }
    found = {}
    for constant, name in known:
        class_name = classes.get(constant)
        found[name] = {
            "is_loaded": class_name is not None,
            "has_logits": class_name is not None and _has_logits(source, class_name),
            "is_causal": class_name is not None and _is_causal(source, class_name),
            "has_memory": constant not in without_memory,
            "has_encoder": constant in encoders,
            "has_decoder": constant not in no_decoders,
            **{f"is_{kind}": constant in of_kind for kind, of_kind in kinds.items()},
        }
    return found


def _body(text: str, function: str) -> re.Match[str] | None:
    return re.search(rf"bool {function}\(.*?\n}}", text, re.DOTALL)


def _cases(found: re.Match[str] | None) -> set[str]:
    assert found is not None, "llama.cpp's source has changed"
    return set(re.findall(_CASE, found[0]))


def _text_of(source: Path, class_name: str) -> str:
    """Return the source of an architecture."""
    for path in sorted((source / "models").glob("*.cpp")):
        text = path.read_text(encoding="utf-8")
        if re.search(rf"\b{class_name}::(build_arch_graph|load_arch_hparams)\(", text):
            return text
    return ""


def _struct_of(source: Path, class_name: str) -> str:
    models = (source / "models" / "models.h").read_text(encoding="utf-8")
    found = re.search(rf"struct {class_name} : .*?\n}};", models, re.DOTALL)
    assert found is not None, class_name
    return found[0]


def _is_causal(source: Path, class_name: str) -> bool:
    return "hparams.causal_attn = false" not in _text_of(source, class_name)


def _has_logits(source: Path, class_name: str) -> bool:
    """Return whether the graph of an architecture has logits: its own or that of another one."""
    text, struct = _text_of(source, class_name), _struct_of(source, class_name)
    graph = re.search(r"using graph = (\w+)::graph", struct)
    base = re.search(r"struct \w+ : public (\w+)", struct)
    of = graph[1] if graph else base[1] if base else ""
    if of in ("", "llama_model_base"):
        return "t_logits" in text
    of_other = _text_of(source, of)
    if "graph<true>" in text and "if constexpr (!embed)" in of_other:
        return False
    return "t_logits" in text or _has_logits(source, of)


if __name__ == "__main__":
    typer.run(main)
