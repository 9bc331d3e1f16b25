"""Chat template of a GGUF: how messages become one text, as transformers renders it.

Source: ``render_jinja_template`` of transformers 5: Jinja in an immutable sandbox, blocks trimmed,
``raise_exception``, ``strftime_now`` and ``tojson`` beside Jinja's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NoReturn

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import Node, Scope
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from edgeval.errors import GgufError
from edgeval.gguf.header import Header
from edgeval.system.untrusted import printable

_KEY = "tokenizer.chat_template"
_TOKENS = "tokenizer.ggml.tokens"
_SPECIAL = {"bos_token": "bos", "eos_token": "eos", "unk_token": "unknown", "pad_token": "padding"}
_MARK = "<edgeval goes on here> "
"""What stands behind the message that a model goes on with, until its place is known."""

Message = Mapping[str, Any]


class ChatTemplate:
    """The chat template of a GGUF.

    Attributes:
        text: The template.
    """

    def __init__(self, header: Header, name: str | None = None) -> None:
        """Read and compile a template.

        Args:
            header: The GGUF.
            name: Which of several; None for the default one.

        Raises:
            GgufError: If there is none of that name, or it is no template.
        """
        self._file = header.path.name
        self.text = _template(header, name)
        self._special = _special_tokens(header)
        try:
            self._compiled = _environment().from_string(self.text)
        except jinja2.TemplateError as error:
            raise self._refused(error) from error

    def render(self, messages: Sequence[Message], *, is_answered: bool = False) -> str:
        """Return messages as one text.

        Where the template refuses the role of the system, its messages are left out, as
        lm-evaluation-harness does (``HFLM.apply_chat_template``).

        Args:
            messages: The messages, each with ``role`` and ``content``.
            is_answered: Whether the last one is the begin of an answer, which a model goes on with;
                otherwise the text asks for one.

        Raises:
            GgufError: If the template refuses the messages.
        """
        try:
            return self._rendered(messages, is_answered)
        except jinja2.TemplateError as error:
            without = [each for each in messages if each.get("role") != "system"]
            if len(without) == len(messages):
                raise self._refused(error) from error
        try:
            return self._rendered(without, is_answered)
        except jinja2.TemplateError as error:
            raise self._refused(error) from error

    def _rendered(self, messages: Sequence[Message], is_answered: bool) -> str:
        given = [dict(each) for each in messages]
        if is_answered and given:
            given[-1]["content"] = f"{given[-1].get('content') or ''}{_MARK}"
        try:
            text = self._compiled.render(
                messages=given, add_generation_prompt=not is_answered, **self._special
            )
        except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError) as error:
            # What Python raises for the template's own faults.
            raise jinja2.TemplateError(str(error)) from error
        return _up_to_mark(text) if is_answered and given else text

    def _refused(self, error: Exception) -> GgufError:
        reason = " ".join(str(error).split()) or type(error).__name__
        return GgufError(
            f"the chat template of {self._file} refuses the messages: {printable(reason)}; leave "
            "out --apply_chat_template, or use a file with another template"
        )


def _up_to_mark(text: str) -> str:
    """Return a text up to where a model goes on; a template may have cut the space behind it."""
    at = text.rfind(_MARK.strip())
    if at < 0:
        raise jinja2.TemplateError("it leaves out the begin of the answer")
    return text[:at] if text[at : at + len(_MARK)] == _MARK else text[:at].rstrip()


def _template(header: Header, name: str | None) -> str:
    """Return the text of a template.

    Raises:
        GgufError: If there is none.
    """
    text = header.text(_KEY if name in (None, "default") else f"{_KEY}.{name}")
    if text is not None:
        return text
    names = [key[len(_KEY) + 1 :] for key in header.metadata if key.startswith(f"{_KEY}.")]
    if name is None:
        raise GgufError(
            f"{header.path.name} has no chat template; leave out --apply_chat_template, or use a "
            "file of a model that was trained for chats"
        )
    there = f"it has {printable(', '.join(names))}" if names else "it has no named ones"
    raise GgufError(f"{header.path.name} has no chat template {printable(name)!r}; {there}")


def _special_tokens(header: Header) -> dict[str, str]:
    """Return the texts of special tokens, by the names that templates know them by."""
    texts = header.texts(_TOKENS) or []
    found = {}
    for name, key in _SPECIAL.items():
        number = header.metadata.get(f"tokenizer.ggml.{key}_token_id")
        if isinstance(number, int) and 0 <= number < len(texts):
            found[name] = texts[number]
    return found


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
    )
    environment.filters["tojson"] = _json
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = _now
    return environment


class _Generation(Extension):
    """The tag around what an assistant has written, for training; here it changes nothing."""

    tags = {"generation"}  # noqa: RUF012 - Jinja reads it of the class

    def parse(self, parser: Parser) -> Node:
        """Return what stands in the tag."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return Scope(body).set_lineno(line)


def _json(
    value: Any,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )


def _raise(message: object) -> NoReturn:
    raise jinja2.TemplateError(str(message))


def _now(form: str) -> str:
    return datetime.now().strftime(form)
