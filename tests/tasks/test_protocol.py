from __future__ import annotations

from collections.abc import Sequence

import pytest

from edgeval.errors import DataError, EdgevalError
from edgeval.tasks.item import Item
from edgeval.tasks.protocol import DEFAULT, PROTOCOLS, get
from edgeval.tasks.requests import Request
from tests.helpers.fakes import BOS_TEXT, EOS_TEXT, FakeTokenizer, make_item

LM_EVAL = ("lm-eval", "lm-eval-bos")


def encode(protocol: str, item: Item, tokenizer: FakeTokenizer) -> list[Request]:
    return get(protocol).requests(item, tokenizer)


def split_texts(requests: Sequence[Request], tokenizer: FakeTokenizer) -> list[tuple[str, str]]:
    """Return each request as its context and its choice, with | between tokens."""
    return [
        (
            "|".join(tokenizer.texts(request.tokens[: request.start])),
            "|".join(tokenizer.texts(request.tokens[request.start :])),
        )
        for request in requests
    ]


# lm-eval: the choice's tokens are whole[len(context):], after those of the context alone


@pytest.mark.parametrize(
    ("pieces", "context", "choice", "expected"),
    [
        pytest.param((), "ab", "cd", ("a|b", " |c|d"), id="no merges"),
        pytest.param((" cd",), "ab", "cd", ("a|b", " cd"), id="merge within the choice"),
        # whole = a, "b c", d; the context alone has two tokens, and of the merged one only the part
        # before the boundary is left.
        pytest.param(("b c",), "ab", "cd", ("a|b", "d"), id="merge over the boundary"),
        # whole = "a ", b, " ", c: the context "a b" alone is a, " ", b with three tokens.
        pytest.param(("a ",), "a b", "c", ("a |b", " |c"), id="merge within the context"),
        # whole = "ab ", c, d; the context alone is a, b: the choice's first letter is lost.
        pytest.param(("ab ",), "ab", "cd", ("a|b", "d"), id="context of fewer tokens"),
        # The spaces of the context are the choice's, before the one that separates them.
        pytest.param((), "ab  ", "c", ("a|b", " | | |c"), id="spaces of the context"),
        pytest.param((), "ab\n", "c", ("a|b", "\n| |c"), id="line end of the context"),
        pytest.param(("   ",), "ab  ", "c", ("a|b", "   |c"), id="merged spaces"),
    ],
)
def test_the_boundary_between_context_and_choice(
    pieces: tuple[str, ...], context: str, choice: str, expected: tuple[str, str]
) -> None:
    tokenizer = FakeTokenizer(pieces)
    (request,) = encode("lm-eval", make_item(context, [choice]), tokenizer)
    stripped = context.rstrip()
    whole = tokenizer.tokenize(f"{context} {choice}")
    alone = tokenizer.tokenize(stripped)
    assert request.tokens[: request.start].tolist() == alone.tolist()
    assert request.tokens[request.start :].tolist() == whole[len(alone) :].tolist()
    assert split_texts([request], tokenizer) == [expected]


def test_a_choice_that_changes_the_context_tokens_keeps_its_own_boundary() -> None:
    # "b d" is one token, of which the second choice keeps nothing.
    tokenizer = FakeTokenizer(["b d"])
    requests = encode("lm-eval", make_item("ab", ["cc", "dd"]), tokenizer)
    assert split_texts(requests, tokenizer) == [("a|b", " |c|c"), ("a|b", "d")]
    assert [request.start for request in requests] == [2, 2]


def test_leading_spaces_of_a_choice_are_kept() -> None:
    tokenizer = FakeTokenizer()
    requests = encode("lm-eval", make_item("ab", [" c"]), tokenizer)
    assert split_texts(requests, tokenizer) == [("a|b", " | |c")]


# BOS


@pytest.mark.parametrize(
    ("protocol", "has_bos", "before"),
    [
        ("lm-eval", True, ""),
        ("lm-eval", False, ""),
        ("lm-eval-bos", True, f"{BOS_TEXT}|"),
        ("lm-eval-bos", False, ""),
        ("llama.cpp", True, f"{BOS_TEXT}|"),
        ("llama.cpp", False, ""),
    ],
)
def test_bos_goes_before_the_text_where_protocol_and_tokenizer_have_one(
    protocol: str, has_bos: bool, before: str
) -> None:
    tokenizer = FakeTokenizer([" "], has_bos=has_bos)
    requests = encode(protocol, make_item("ab", ["c", "d"]), tokenizer)
    # What the choices share ends with the space, which llama.cpp counts as context.
    context, space = ("a|b| ", "") if protocol == "llama.cpp" else ("a|b", " |")
    assert split_texts(requests, tokenizer) == [
        (f"{before}{context}", f"{space}c"),
        (f"{before}{context}", f"{space}d"),
    ]


def test_a_bos_token_with_id_zero_is_one() -> None:
    assert FakeTokenizer().bos == 0
    (request,) = encode("lm-eval-bos", make_item("a", ["b"]), FakeTokenizer())
    assert request.tokens[0] == 0


# EOS


@pytest.mark.parametrize("has_bos", [True, False])
def test_eos_stands_between_context_and_choice_as_in_lm_eval(has_bos: bool) -> None:
    # context = a, b, EOS; whole = a, b, " ", c, d, EOS: what follows its first three tokens.
    tokenizer = FakeTokenizer(has_bos=has_bos, has_eos=True)
    requests = encode("lm-eval-bos", make_item("ab", ["cd", "ef"]), tokenizer)
    before = f"{BOS_TEXT}|" if has_bos else ""
    assert split_texts(requests, tokenizer) == [
        (f"{before}a|b|{EOS_TEXT}", f"c|d|{EOS_TEXT}"),
        (f"{before}a|b|{EOS_TEXT}", f"e|f|{EOS_TEXT}"),
    ]


def test_eos_is_the_last_token_of_every_choice_as_in_llama_perplexity() -> None:
    tokenizer = FakeTokenizer(has_eos=True)
    requests = encode("llama.cpp", make_item("ab", ["c", "d"]), tokenizer)
    assert split_texts(requests, tokenizer) == [
        (f"{BOS_TEXT}|a|b| ", f"c|{EOS_TEXT}"),
        (f"{BOS_TEXT}|a|b| ", f"d|{EOS_TEXT}"),
    ]


def test_lm_eval_without_bos_adds_no_eos_either() -> None:
    tokenizer = FakeTokenizer(has_eos=True)
    requests = encode("lm-eval", make_item("ab", ["c"]), tokenizer)
    assert split_texts(requests, tokenizer) == [("a|b", " |c")]


def test_nothing_is_added_to_a_text_that_begins_with_bos() -> None:
    tokenizer = FakeTokenizer(special=[BOS_TEXT], has_eos=True)
    requests = encode("lm-eval-bos", make_item(f"{BOS_TEXT}a", ["b"]), tokenizer)
    assert split_texts(requests, tokenizer) == [(f"{BOS_TEXT}|a", " |b")]
    (shared,) = encode("llama.cpp", make_item(f"{BOS_TEXT}a", ["b"]), tokenizer)
    assert tokenizer.texts(shared.tokens)[:2] == [BOS_TEXT, "<"]


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [("lm-eval", ("a", " |</s>|c")), ("llama.cpp", (f"{BOS_TEXT}|a| ", "<|/|s|>|c"))],
)
def test_special_tokens_in_the_text_count_as_in_the_defining_tool(
    protocol: str, expected: tuple[str, str]
) -> None:
    tokenizer = FakeTokenizer(special=["</s>"])
    requests = encode(protocol, make_item("a", ["</s>c", "b"]), tokenizer)
    assert split_texts(requests, tokenizer)[0] == expected


# llama.cpp: what all choices share is context


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        (["cd", "ce"], [("a|b| |c", "d"), ("a|b| |c", "e")]),
        (["c", "d"], [("a|b| ", "c"), ("a|b| ", "d")]),
        # The shortest choice keeps a token of its own.
        (["c", "cd"], [("a|b| ", "c"), ("a|b| ", "c|d")]),
        (["cd", "cd"], [("a|b| |c", "d"), ("a|b| |c", "d")]),
    ],
)
def test_llama_cpp_starts_after_what_all_choices_share(
    choices: list[str], expected: list[tuple[str, str]]
) -> None:
    tokenizer = FakeTokenizer(has_bos=False)
    requests = encode("llama.cpp", make_item("ab", choices), tokenizer)
    assert split_texts(requests, tokenizer) == expected


def test_llama_cpp_starts_before_the_context_ends_where_tokens_straddle() -> None:
    tokenizer = FakeTokenizer(["b c"], has_bos=False)
    requests = encode("llama.cpp", make_item("ab", ["cx", "dx"]), tokenizer)
    assert split_texts(requests, tokenizer) == [("a", "b c|x"), ("a", "b| |d|x")]


def test_llama_cpp_keeps_the_spaces_of_the_context() -> None:
    tokenizer = FakeTokenizer(has_bos=False)
    requests = encode("llama.cpp", make_item("ab  ", ["c", "d"]), tokenizer)
    assert split_texts(requests, tokenizer) == [("a|b| | | ", "c"), ("a|b| | | ", "d")]


# Windows


@pytest.mark.parametrize(
    ("window", "context"),
    [
        (8, "a|b|c|d|e|f"),  # 6 + 3 tokens: 9, of which the last is never an input
        (7, "b|c|d|e|f"),
        (5, "d|e|f"),
        (3, "f"),
    ],
)
def test_the_context_is_truncated_on_the_left_to_the_window_and_one(
    window: int, context: str
) -> None:
    tokenizer = FakeTokenizer(n_context_train=window)
    (request,) = encode("lm-eval", make_item("abcdef", ["xy"]), tokenizer)
    assert len(request.tokens) == window + 1
    assert request.start == window + 1 - len(" xy")
    assert split_texts([request], tokenizer) == [(context, " |x|y")]


def test_truncation_drops_bos_as_lm_eval_does() -> None:
    tokenizer = FakeTokenizer(n_context_train=4)
    requests = encode("lm-eval-bos", make_item("abc", ["x"]), tokenizer)
    assert split_texts(requests, tokenizer) == [("a|b|c", " |x")]


def test_each_choice_is_truncated_by_its_own_length() -> None:
    tokenizer = FakeTokenizer(n_context_train=5)
    requests = encode("lm-eval", make_item("abcd", ["x", "xyz"]), tokenizer)
    assert split_texts(requests, tokenizer) == [("a|b|c|d", " |x"), ("c|d", " |x|y|z")]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_choice_longer_than_the_window_raises(protocol: str) -> None:
    tokenizer = FakeTokenizer(n_context_train=4)
    item = make_item("ab", ["12345", "x"], name="4711")
    with pytest.raises(DataError, match=r"item 4711: a choice has [56] tokens.*window of 4"):
        encode(protocol, item, tokenizer)


# Items that cannot be scored


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_an_empty_choice_raises(protocol: str) -> None:
    with pytest.raises(DataError, match="item 4711: a choice has no text"):
        encode(protocol, make_item("ab", ["c", ""], name="4711"), FakeTokenizer())


@pytest.mark.parametrize("protocol", LM_EVAL)
def test_a_choice_swallowed_by_the_context_raises(protocol: str) -> None:
    item = make_item("ab", ["c", "d"], name="4711")
    with pytest.raises(DataError, match="item 4711: a choice has no tokens of its own"):
        encode(protocol, item, FakeTokenizer(["ab c"]))


def test_an_item_whose_first_token_would_be_scored_raises() -> None:
    item = make_item("", ["c"], name="4711")
    with pytest.raises(DataError, match="item 4711"):
        encode("lm-eval", item, FakeTokenizer())


def test_an_empty_context_is_scored_after_bos() -> None:
    tokenizer = FakeTokenizer()
    requests = encode("lm-eval-bos", make_item("", ["c"]), tokenizer)
    assert split_texts(requests, tokenizer) == [(BOS_TEXT, " |c")]


# The protocols themselves


def test_the_three_protocols_are_as_designed() -> None:
    found = [
        (p.name, p.version, p.rendering, p.adds_ends, p.metric, p.few_shot, p.tool)
        for p in PROTOCOLS.values()
    ]
    assert found == [
        ("lm-eval", 2, "lm-eval", False, "acc_norm", True, "lm-evaluation-harness"),
        ("lm-eval-bos", 2, "lm-eval", True, "acc_norm", True, "lm-evaluation-harness"),
        ("llama.cpp", 2, "text", True, "acc_token", False, "llama-perplexity --hellaswag"),
    ]
    assert list(PROTOCOLS) == [name for name, *_ in found]
    assert DEFAULT == "lm-eval-bos"


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("lm-evl", " (did you mean 'lm-eval'?)"),
        ("LLAMA.CPP", " (did you mean 'llama.cpp'?)"),
        ("lm-eval-boss", " (did you mean 'lm-eval-bos'?)"),
        ("xyz", ""),
    ],
)
def test_an_unknown_protocol_suggests_and_lists(name: str, suggestion: str) -> None:
    with pytest.raises(EdgevalError) as caught:
        get(name)
    assert str(caught.value) == (
        f"unknown protocol {name!r}{suggestion}; edgeval has lm-eval, lm-eval-bos, llama.cpp"
    )
