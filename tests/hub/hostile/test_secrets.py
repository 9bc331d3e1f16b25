"""Tokens and passwords: whom they are sent to, and where they are not shown."""

from __future__ import annotations

import pytest

from edgeval.errors import HubError
from edgeval.hub.names import is_same_hub, redacted
from tests.helpers.fakes import Lines
from tests.helpers.hostile_hub import (
    FILES,
    REPO,
    SECRET,
    Request,
    chunked,
    fetch,
    forever,
    of_weights,
    refused,
    send,
)
from tests.helpers.hub_server import HubServer

# Tokens and passwords.


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
@pytest.mark.parametrize("what", ["/api/models/", "/cdn/"])
def test_a_token_stays_with_its_host(host: str, what: str, server: HubServer) -> None:
    """Another host, or another port of the same, is given no token, however it is come to."""
    asked: list[tuple[str, str | None]] = []

    def watch(handler: Request) -> bool:
        asked.append((handler.path, handler.headers.get("Authorization")))
        return False

    with HubServer(server.folder, REPO, host=host) as other:

        def elsewhere(handler: Request) -> bool:
            assert handler.headers.get("Authorization") == f"Bearer {SECRET}"
            target = f"{other.url}{handler.path}"
            return handler.path.startswith(what) and send(handler, b"", 307, Location=target)

        server.intercept, other.intercept = elsewhere, watch
        assert fetch() == FILES
    assert [path.startswith(what) for path, _ in asked] == [True]
    assert [token for _, token in asked] == [None]


def test_where_a_token_may_go() -> None:
    hub = "https://huggingface.co/api"
    assert is_same_hub(hub, "https://huggingface.co:443/x")
    assert is_same_hub("http://hub.example/x", "https://HUB.example/x")
    for other in (
        *("http://huggingface.co/x", "https://cdn.huggingface.co/x", "https://huggingface.co:444/"),
        *("https://huggingface.co@evil.example/", "https://huggingface.co.evil.example/"),
    ):
        assert not is_same_hub(hub, other), other
    assert not is_same_hub("http://hub.example:8080/x", "https://hub.example/x")


@pytest.mark.parametrize(
    "fault",
    ["refuse", "404", "403", "gated", "revision", "damaged", "redirect", "cut", "drip", "fallback"],
)
def test_credentials_of_an_address_are_not_shown(
    fault: str, server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    lines = Lines()
    if fault == "fallback":
        fetch()
    monkeypatch.setattr(constants, "ENDPOINT", server.url.replace("://", "://user:pass-word@"))
    if fault in {"refuse", "fallback"}:
        server.refuse = True
    elif fault in {"404", "403"}:
        server.status = int(fault)
    elif fault == "gated":
        server.gated, server.token = True, "another"
    elif fault == "revision":
        server.revisions = set()
    elif fault == "damaged":
        server.corrupt.add("config.json")
    elif fault == "redirect":
        target = "http://127.0.0.1:9/x?X-Amz-Signature=pass-word"
        server.intercept = of_weights(lambda handler: send(handler, b"", 302, Location=target))
    elif fault == "cut":
        server.cut_at["model.safetensors"] = 1000
    else:
        server.intercept = of_weights(lambda handler: chunked(handler, forever(b"x", 0.05)))
    if fault == "fallback":
        assert fetch(progress=lines) == FILES
        said = " ".join(lines.lines)
        assert said.startswith("hub not reached (")
    else:
        said = refused("tiny/llama|Could not reach the hub at http://[*]{3}@127.0.0.1")
    assert "pass-word" not in said
    assert "user" not in said.replace("user:", "user").split("/")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("at https://user:pass@host/x?", "at https://***@host/x?"),
        ("url: /x/y?X-Amz-Signature=abc (Caused by", "url: /x/y?*** (Caused by"),
        ("socks5://u:p@w@host:1080", "socks5://***@host:1080"),
        ("https://token@host", "https://***@host"),
        ("'https://h/x?X-Amz-Signature=abc&y=1' failed", "'https://h/x?***' failed"),
        ("Illegal header value b'Bearer hf_abcdefgh '", "Illegal header value b'Bearer *** '"),
        ("Authorization: Basic dXNlcjpw", "Authorization: Basic ***"),
        ("the token hf_abcdefgh is bad", "the token hf_*** is bad"),
        ("mail me@host.example", "mail me@host.example"),
        ("a\nb\x1b[2J", "a\\nb\\x1b[2J"),
    ],
)
def test_what_is_secret_is_left_out(text: str, expected: str) -> None:
    assert redacted(text) == expected


@pytest.mark.parametrize("token", ["hf_é" * 9, "hf_a\x00bcdefgh", "hf_a\nX-Evil: 1"])
def test_a_token_that_cannot_be_sent_is_not_shown(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.utils._headers.get_token", lambda: token)
    try:
        assert fetch() == FILES  # Older clients send what they are given.
    except HubError as error:
        assert "Could not reach the hub" in str(error)
        assert "bcdefgh" not in str(error)
        assert "é" not in str(error)
