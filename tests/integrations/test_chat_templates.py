"""Chat templates: messages as one text, as transformers renders it."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from edgeval.errors import GgufError
from edgeval.gguf.parts import read_header
from edgeval.integrations.chat_template import ChatTemplate
from edgeval.integrations.lm_eval import EdgevalLM
from tests.helpers.edited_ggufs import STRING, edited

USER = {"role": "user", "content": "Hi"}
SYSTEM = {"role": "system", "content": "Be brief."}
BEGUN = {"role": "assistant", "content": "Well, "}
TURNS = (
    "{{ bos_token }}{% for message in messages %}<{{ message['role'] }}>{{ message['content'] }}"
    "{{ eos_token }}{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture
def with_template(tiny_f32: Path, tmp_path: Path) -> Any:
    def made(text: str, **named: str) -> Path:
        keys = {"tokenizer.chat_template": (STRING, text)} | {
            f"tokenizer.chat_template.{name}": (STRING, each) for name, each in named.items()
        }
        return edited(tiny_f32, tmp_path / "chat.gguf", keys)

    return made


def render(path: Path, *messages: dict[str, str], **rules: Any) -> str:
    return ChatTemplate(read_header(path)).render(messages, **rules)


def test_turns_have_the_special_tokens_of_the_file(with_template: Any) -> None:
    assert render(with_template(TURNS), SYSTEM, USER) == (
        "<s><system>Be brief.</s><user>Hi</s><assistant>"
    )


@pytest.mark.parametrize(
    ("content", "answer"),
    [("{{ message['content'] }}", "Well, "), ("{{ message['content']|trim }}", "Well,")],
)
def test_an_answer_that_is_begun_is_gone_on_with(
    content: str, answer: str, with_template: Any
) -> None:
    text = TURNS.replace("{{ message['content'] }}", content)
    found = render(with_template(text), USER, BEGUN, is_answered=True)
    assert found == f"<s><user>Hi</s><assistant>{answer}"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("{% generation %}{{ messages[0].content }}{% endgeneration %}!", "Hi!"),
        ("{{ messages[0] | tojson }}", json.dumps(USER)),
        ("{{ {'a': '<é>'} | tojson(indent=1) }}", '{\n "a": "<é>"\n}'),
        ("{% for n in [1, 2] %}{% if n == 2 %}{% break %}{% endif %}{{ n }}{% endfor %}", "1"),
        ("a\n  {% if true %}\nb{% endif %}\n", "a\nb"),
    ],
)
def test_templates_have_what_transformers_gives_them(
    text: str, found: str, with_template: Any
) -> None:
    assert render(with_template(text), USER) == found


def test_a_template_knows_the_day(with_template: Any) -> None:
    found = render(with_template("{{ strftime_now('%Y') }}"), USER)
    assert abs(int(found) - datetime.now().year) <= 1


def test_a_system_that_is_refused_is_left_out(with_template: Any) -> None:
    refusing = "{% if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    assert render(with_template(refusing + TURNS), SYSTEM, USER) == "<s><user>Hi</s><assistant>"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ raise_exception('roles must alternate') }}", "roles must alternate"),
        ("{% for %}", "refuses the messages"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ messages.append(1) }}", "unsafe"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{% for each in range(1000000) %}{% endfor %}", "too big"),
    ],
)
def test_what_a_template_may_not_is_one_sentence(text: str, words: str, with_template: Any) -> None:
    with pytest.raises(GgufError, match=words) as error:
        render(with_template(text), USER)
    assert "leave out --apply_chat_template" in str(error.value)


def test_a_file_without_a_template_says_so(tiny_lm: EdgevalLM) -> None:
    for ask in (
        lambda: tiny_lm.apply_chat_template([USER]),
        lambda: tiny_lm.chat_template(True),
        lambda: tiny_lm.tokenizer_name,
    ):
        with pytest.raises(GgufError, match=r"tiny-F32\.gguf has no chat template; leave out"):
            ask()
    assert tiny_lm.chat_template(False) is None


def test_a_named_template_is_applied(with_template: Any) -> None:
    path = with_template(TURNS, rag="{{ messages[0].content }} with documents")
    lm = EdgevalLM(str(path), kernels="plain", threads=1)
    default = lm.tokenizer_name
    assert lm.chat_template("rag") == "{{ messages[0].content }} with documents"
    assert lm.apply_chat_template([USER]) == "Hi with documents"
    assert lm.tokenizer_name != default
    assert lm.chat_template("default") == TURNS
    with pytest.raises(GgufError, match="has no chat template 'tools'; it has rag"):
        lm.chat_template("tools")
