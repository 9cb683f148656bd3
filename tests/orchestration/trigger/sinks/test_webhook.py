"""The webhook: signed, retried where that may help, silent without a secret."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestration.trigger.options import TriggerOptions
from tests.support.triggers import publish_rows, release, run_on, run_trigger


class Receiver(http.server.ThreadingHTTPServer):
    """Answers with the statuses it is given, then 204; keeps what it was sent."""

    def __init__(self, statuses: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.statuses = statuses
        self.got: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class Hook(http.server.BaseHTTPRequestHandler):
    """Records a POST and answers."""

    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((dict(self.headers), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver([])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.slow
def test_webhook_is_signed_and_retried(tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    receiver.statuses = [503]
    store = publish_rows(tmp_path, release(1, {"wm_ego": 1.0}))
    done = run_trigger(run_on(tmp_path), TriggerOptions(webhook_url=receiver.url, webhook_secret_env="HOOK_SECRET"))
    assert done.undelivered == []
    assert len(receiver.got) == 2
    headers, body = receiver.got[-1]
    signed = headers["X-Handwheel-Timestamp"].encode() + b"." + body
    good = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert headers["X-Handwheel-Signature"] == f"v1={good}"
    posted = json.loads(body)
    assert headers["X-Handwheel-Key"] == posted["key"] == done.triggers[0]["key"]
    assert (posted["rule"], posted["release"], posted["lane"]) == ("first", "2026-11-21.1", "world_model")
    assert posted["pin"].endswith("/pins/2026-11-21.1.pin")
    assert "s3cret" not in store.read("triggers").to_pandas().to_csv()


def test_webhook_that_says_no_is_not_asked_again_in_this_run(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "s3cret")
    receiver.statuses = [403]
    publish_rows(tmp_path, release(1, {"wm_ego": 1.0}))
    options = TriggerOptions(webhook_url=receiver.url, webhook_secret_env="HOOK_SECRET")
    assert "403" in run_trigger(run_on(tmp_path), options).notes[0]
    assert len(receiver.got) == 1
    assert run_trigger(run_on(tmp_path), options).undelivered == []


def test_webhook_without_a_secret_sends_nothing(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HOOK_SECRET", raising=False)
    publish_rows(tmp_path, release(1, {"wm_ego": 1.0}))
    done = run_trigger(run_on(tmp_path), TriggerOptions(webhook_url=receiver.url, webhook_secret_env="HOOK_SECRET"))
    assert "set HOOK_SECRET" in done.notes[0]
    assert receiver.got == []
