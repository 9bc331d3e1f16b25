"""Special tokens: which have a role, and which of them a text gets.

The rules are those of the ``SpecialVocab`` that convert_hf_to_gguf.py of the pinned llama.cpp uses
(its ``gguf-py``; the package of that name and version on PyPI is older and lets
``tokenizer_config.json`` overrule ``tokenizer.json``). tests/golden/special_tokens.json holds ours
to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gguf

from edgeval.checkpoints.small_files import read_text
from edgeval.checkpoints.tokenizer.vocabulary import optional_json

ROLES = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")

_MORE_ENDS = ("eot", "eom")
"""Roles that are left for an end token that a template replaces."""


@dataclass
class SpecialTokens:
    """Special tokens of a checkpoint.

    Attributes:
        ids: Token ids by role.
        adds: Whether a text gets the token of a role, where the checkpoint's files say it.
        chat_template: The template, or several with their names.
        normalizer: Flags of a normalizer, by the end of their key.
    """

    ids: dict[str, int] = field(default_factory=dict)
    adds: dict[str, bool] = field(default_factory=dict)
    chat_template: str | Sequence[Mapping[str, str]] | None = None
    normalizer: dict[str, bool] = field(default_factory=dict)

    def add_to(self, writer: gguf.GGUFWriter) -> None:
        """Write the keys."""
        for role, token in self.ids.items():
            # For the roles of Code Llama's infilling the writer has no key, nor has the script's.
            add = getattr(writer, f"add_{role}_token_id", None)
            if add is not None:
                add(token)
        for role, is_added in self.adds.items():
            if role in ("bos", "eos", "sep"):
                getattr(writer, f"add_add_{role}_token")(is_added)
        if self.chat_template is not None:
            writer.add_chat_template(self.chat_template)
        for name, value in self.normalizer.items():
            writer.add_bool(f"tokenizer.ggml.normalizer.{name}", value)


def read_special_tokens(
    directory: Path, n_tokens: int, roles: Sequence[str] = ROLES
) -> SpecialTokens:
    """Return the special tokens that a checkpoint's files name.

    Args:
        directory: The checkpoint.
        n_tokens: Size of the vocabulary; a role beyond it is left out.
        roles: Which are looked for.

    Raises:
        CheckpointError: If a file is no JSON object.
    """
    return _Reader(directory, n_tokens, roles).read()


class _Reader:
    """The two files of a tokenizer, and what is found in them."""

    def __init__(self, directory: Path, n_tokens: int, roles: Sequence[str]) -> None:
        self._directory = directory
        self._n_tokens = n_tokens
        self._roles = list(roles)
        self._content = optional_json(directory / "tokenizer.json")
        self._config = optional_json(directory / "tokenizer_config.json")
        self._named = {
            role: self._config.get(f"{role}_token") for role in (*ROLES, *_MORE_ENDS, *roles)
        }
        self._found = SpecialTokens()

    def read(self) -> SpecialTokens:
        if self._content:
            self._read_normalizer(self._content.get("normalizer"))
            self._read_post_processor(self._content.get("post_processor"))
        if self._config:
            self._found.chat_template = self._chat_template()
            for role in self._roles:
                self._read_role(role)
        config = optional_json(self._directory / "config.json")
        for role in self._roles:
            self._set(role, config.get(f"{role}_token_id"))
        return self._found

    def _set(self, role: str, token: object) -> None:
        if isinstance(token, int) and 0 <= token < self._n_tokens:
            self._found.ids.setdefault(role, token)

    def _read_role(self, role: str) -> None:
        is_added = self._config.get(f"add_{role}_token")
        if isinstance(is_added, bool):
            # What tokenizer.json does is what its library does; the flag beside it is a wish.
            self._found.adds.setdefault(role, is_added)
        entry = self._named[role]
        text = entry.get("content") if isinstance(entry, dict) else entry
        if isinstance(text, str):
            added = self._content.get("added_tokens") or []
            ids = (each.get("id") for each in added if each.get("content") == text)
            self._set(role, next(ids, None))

    def _read_normalizer(self, normalizer: object) -> None:
        if not isinstance(normalizer, dict):
            return
        kind, flags = normalizer.get("type"), self._found.normalizer
        if kind == "Sequence":
            for step in normalizer.get("normalizers") or []:
                self._read_normalizer(step)
        elif kind == "Lowercase":
            flags["lowercase"] = True
        elif kind == "StripAccents":
            flags["strip_accents"] = True
        elif kind == "BertNormalizer":
            for name in ("lowercase", "strip_accents"):
                if normalizer.get(name) is not None:
                    flags[name] = bool(normalizer[name])

    def _read_post_processor(self, processor: object) -> None:
        if self._config:
            for role, other in (("bos", "cls"), ("eos", "sep")):
                self._named[role] = self._named[role] or self._named[other]
        if not isinstance(processor, dict):
            return
        for step in processor.get("processors", [processor]):
            kind = step.get("type")
            if kind == "ByteLevel":
                for role in ("bos", "eos"):
                    self._found.adds.setdefault(role, False)
            elif kind == "RobertaProcessing":
                self._read_roberta(step)
            elif kind == "TemplateProcessing":
                self._read_template(step)

    def _read_roberta(self, step: Mapping[str, Any]) -> None:
        self._found.adds |= {"bos": True, "eos": True, "sep": True}
        if self._config:
            for role in ("cls", "sep"):
                self._named[role] = self._named[role] or step.get(role, [None])[0]

    def _read_template(self, step: Mapping[str, Any]) -> None:
        single, pair = step.get("single") or [], step.get("pair") or []
        first = last = None
        if len(single) > 1:
            first, last = _special(single[0]), _special(single[-1])
            if first:
                self._read_first(first)
            if last:
                self._read_last(last)
        between = _between(pair, first, last)
        if between:
            self._read_separator(between, last)

    def _read_first(self, text: str) -> None:
        named = self._named
        if not self._config:
            named["bos"] = text
        elif text not in (named["bos"], named["cls"]):
            # A role that nothing has is this token's.
            for role in ("bos", "cls"):
                named[role] = named[role] or text
        self._found.adds["bos"] = text in (named["bos"], named["cls"])

    def _read_last(self, text: str) -> None:
        if self._config and text != self._named["eos"]:
            free = next((role for role in _MORE_ENDS if role not in self._roles), None)
            if free:
                self._roles.append(free)
                self._named[free] = self._named["eos"]
        self._named["eos"] = text
        self._found.adds["eos"] = True

    def _read_separator(self, between: Sequence[Mapping[str, Any]], last: str | None) -> None:
        """Read whether a token stands between two texts: what is known of it is crude."""
        separators = (self._named["sep"], self._named["eos"])
        texts = [_special(part) for part in between]
        is_added = texts[0] is not None and texts[0] in separators and not last
        if len(texts) == 2 and texts[1] is not None:
            is_added = is_added or texts[1] in separators
        self._found.adds["sep"] = is_added
        if is_added and self._config:
            self._named["sep"] = self._named["sep"] or self._named["eos"]

    def _chat_template(self) -> Any:
        template = self._config.get("chat_template", self._template_file())
        return template if isinstance(template, str | list) else None

    def _template_file(self) -> Any:
        path = self._directory / "chat_template.jinja"
        if not path.is_file():
            return optional_json(self._directory / "chat_template.json").get("chat_template")
        template = read_text(path)
        more = list((self._directory / "additional_chat_templates").glob("*.jinja"))
        if not more:
            return template
        return [
            {"name": "default", "template": template},
            *({"name": each.stem, "template": read_text(each)} for each in more),
        ]


def _special(part: Mapping[str, Any]) -> str | None:
    token = part.get("SpecialToken") or {}
    text = token.get("id")
    return text if isinstance(text, str) else None


def _between(
    pair: Sequence[Mapping[str, Any]], first: str | None, last: str | None
) -> Sequence[Mapping[str, Any]]:
    """Return the parts of a template for two texts that stand between them."""
    if not pair:
        return ()
    begin = 1 if first and _special(pair[0]) == first else 0
    end = len(pair) - 1 if last and _special(pair[-1]) == last else len(pair)
    inner = pair[begin:end]
    if not inner:
        return ()
    sides = [(part.get("Sequence") or {}).get("id") for part in (inner[0], inner[-1])]
    return inner[1:-1] if sides == ["A", "B"] else ()
