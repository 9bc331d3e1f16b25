"""Proxies, certificates and what forbids the network, each in a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edgeval.hub import fetch as hubs
from edgeval.hub.fetch import why_unreachable
from tests.helpers.hostile_hub import Request, send
from tests.helpers.hub_server import HubServer
from tests.helpers.hub_user import User

pytestmark = pytest.mark.process

SLOW = pytest.mark.slow

ASK = """
import json, sys
from edgeval.hub import fetch as hub
from edgeval.errors import EdgevalError
from edgeval.tasks.hellaswag import HELLASWAG
said = []
def attempt(call):
    try:
        said.append(str(call() or ""))
    except EdgevalError as error:
        said.append(f"{type(error).__name__}: {error}")
attempt(hub.why_unreachable)
attempt(lambda: hub.fetch_checkpoint("tiny/llama").commit)
if "data" in sys.argv:
    attempt(lambda: HELLASWAG.load(offline="offline" in sys.argv))
print(json.dumps(said))
"""


def _ask(home: Path, server: HubServer, *words: str, **variables: str) -> list[str]:
    process = User(home, server, {"HF_HUB_ETAG_TIMEOUT": "3"}).start(
        "-c", ASK.replace("sys.argv", f"{list(words)!r}"), "", **variables
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    found: list[str] = json.loads(out)
    assert all(each.isprintable() and "pass-word" not in each for each in found)
    return found


@pytest.mark.parametrize(
    "name",
    [
        "ALL_PROXY",
        "http_proxy",
        *(pytest.param(n, marks=SLOW) for n in ("all_proxy", "HTTP_PROXY")),
    ],
)
def test_what_the_client_reaches_is_reachable(name: str, server: HubServer, tmp_path: Path) -> None:
    if name == "HTTP_PROXY" and sys.platform == "win32":
        pytest.skip("names of variables have no case there")
    proxied = {
        "HF_ENDPOINT": "http://hub.invalid",
        name: server.url.replace("//", "//u:pass-word@"),
    }
    assert _ask(tmp_path / "home", server, **proxied) == ["", server.commit]
    assert all(path.startswith("http://hub.invalid/") for path in server.paths("HEAD"))
    assert len(server.paths("HEAD")) == 1


def test_hosts_without_a_proxy_are_asked_themselves(server: HubServer, tmp_path: Path) -> None:
    away = {"ALL_PROXY": "http://127.0.0.1:9"}
    found = _ask(tmp_path / "home", server, **away, NO_PROXY="127.0.0.1")
    assert found == ["", server.commit]
    reason, sentence = _ask(tmp_path / "other", server, **away)
    assert reason
    assert sentence.startswith("HubError: Could not reach the hub")


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"ALL_PROXY": "socks5://u:pass-word@127.0.0.1:9"}, "socksio|SOCKS"),
        pytest.param({"ALL_PROXY": "gopher://u:pass-word@h:9"}, "gopher|scheme", marks=SLOW),
        ({"HF_ENDPOINT": "http://u:pass-word@[::1"}, "(?i)invalid|ipv6|not a valid host"),
        pytest.param({"HF_ENDPOINT": "hub.example"}, "(?i)protocol|scheme|invalid", marks=SLOW),
        ({"HF_ENDPOINT": "https://127.0.0.1:9", "SSL_CERT_FILE": "/absent.pem"}, "."),
        pytest.param(
            {"HF_ENDPOINT": "https://127.0.0.1:9", "REQUESTS_CA_BUNDLE": "/absent.pem"},
            ".",
            marks=SLOW,
        ),
    ],
)
def test_settings_of_the_network_that_do_not_work_are_a_sentence(
    variables: dict[str, str], reason: str, server: HubServer, tmp_path: Path
) -> None:
    import re

    why, sentence = _ask(tmp_path / "home", server, **variables)
    assert re.search(reason, why), why
    assert sentence.startswith("HubError: ")
    assert "HF_ENDPOINT" in sentence
    assert "Could not write" not in sentence


def test_a_variable_that_the_client_cannot_read_is_named(server: HubServer, tmp_path: Path) -> None:
    found = _ask(tmp_path / "home", server, HF_HUB_ETAG_TIMEOUT="soon")
    assert all("such as HF_ENDPOINT and HF_HUB_ETAG_TIMEOUT" in each for each in found)


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "refuses tiny/llama"), (407, "proxy wants to know who asks")]
)
def test_what_a_proxy_refuses_is_said_of_the_proxy(
    status: int, reason: str, server: HubServer, tmp_path: Path
) -> None:
    server.status = status
    proxied = {"HF_ENDPOINT": "http://hub.invalid", "http_proxy": server.url}
    _, sentence, data = _ask(tmp_path / "home", server, "data", **proxied)
    assert reason in sentence
    assert "proxy" in sentence
    assert str(status) in data
    assert "go online once" in data


@pytest.mark.parametrize("how", ["--offline", "HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"])
def test_offline_asks_nothing_for_the_data_set(how: str, server: HubServer, tmp_path: Path) -> None:
    words = ["data", *(["offline"] if how == "--offline" else [])]
    variables = {} if how == "--offline" else {how: "1"}
    *_, data = _ask(tmp_path / "home", server, *words, **variables)
    assert "is neither cached here nor to be had from the hub (offline)" in data
    assert not [each for each in server.requests if "datasets" in each.path]


def test_the_data_set_is_asked_for_where_the_client_reaches_the_hub(
    server: HubServer, tmp_path: Path
) -> None:
    proxied = {"HF_ENDPOINT": "http://hub.invalid", "ALL_PROXY": server.url}
    *_, data = _ask(tmp_path / "home", server, "data", **proxied)
    assert "is neither cached here nor to be had from the hub (" in data
    assert [each for each in server.requests if "datasets" in each.path]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        *(pytest.param(each, marks=SLOW) for each in (b"", b"null", b"[]", b"[" * 9999)),
        pytest.param(b'{"siblings": null}', marks=SLOW),
    ],
)
def test_a_data_set_of_an_odd_hub_is_a_sentence(
    body: bytes, server: HubServer, tmp_path: Path
) -> None:
    def odd(handler: Request) -> bool:
        if handler.path.startswith("/datasets/"):
            return send(handler, b"", 404, X_Error_Code="EntryNotFound")
        return handler.path.startswith("/api/datasets/") and send(handler, body)

    server.intercept = odd
    *_, data = _ask(tmp_path / "home", server, "data")
    assert "is neither cached here nor to be had from the hub" in data
    assert [path for path in server.paths() if path.startswith("/api/datasets/")]


def test_without_network_is_taken_back() -> None:
    from datasets import config
    from huggingface_hub import constants

    before = (config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE)
    with hubs.without_network():
        assert (config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE) == (True, True)
        assert hubs.is_offline()
    assert before == (config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE)
    assert why_unreachable() == ""
