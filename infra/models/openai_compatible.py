"""The door to OpenAI-compatible servers (vLLM, SGLang, llama.cpp ...): chat completions with images."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from infra.models.language_model import ModelRequest
from schemas.errors import TransientError, UsageError

SEED = 7
_AGAIN = frozenset([408, 409, 425, 429, 500, 502, 503, 504])
_SETTINGS = frozenset([401, 403, 404, 405])


class _Again(Exception):
    """Worth another try; wait_s: what the server asked for."""

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How a server is called: how much at a time, how long, how often."""

    max_in_flight: int = 8  # requests at once
    timeout_s: float = 120.0  # of one request
    max_attempts: int = 6  # for one reply
    max_wait_s: float = 30.0  # between two of them, whatever the server asks for


class OpenAICompatible:
    """A model served at base_url (ending in /v1); its key is in the environment variable api_key_env."""

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key_env: str | None = None,
        max_tokens: int = 800,
        limits: CallLimits = CallLimits(),
    ) -> None:
        if not base_url or not model:
            raise UsageError("the openai backend needs base_url and model; set them under [captions]")
        self.name = served_name(model)
        self.decoding = decoding_of(max_tokens)
        self._body: dict[str, Any] = {"model": model, **json.loads(self.decoding)}
        self._json_mode = True
        self._answered = False
        self._limits = limits
        self._client = httpx.Client(
            base_url=base_url.rstrip("/") + "/",
            headers=_headers(api_key_env),
            timeout=limits.timeout_s,
            limits=httpx.Limits(max_connections=limits.max_in_flight),
        )

    def complete(self, requests: Sequence[ModelRequest]) -> list[str]:
        """Replies in order, max_in_flight at a time; see LanguageModel."""
        if not requests:
            return []
        with ThreadPoolExecutor(self._limits.max_in_flight) as pool:
            replies = list(pool.map(self._answer, requests))
        refused = [why for text, why in replies if text is None]
        self._answered = self._answered or len(refused) < len(replies)
        if not self._answered:
            # Refused from the first request on, it is the settings: rejects for good would be wrong.
            raise UsageError(f"{self.name} refused every request; check [captions]: {refused[0]}")
        return [text or "" for text, _ in replies]

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _answer(self, request: ModelRequest) -> tuple[str | None, str]:
        """The reply, or None and why the server refused."""
        retrying = Retrying(
            retry=retry_if_exception_type(_Again),
            stop=stop_after_attempt(self._limits.max_attempts),
            wait=partial(_wait_s, max_wait_s=self._limits.max_wait_s),
            reraise=True,
        )
        try:
            return retrying(self._post, request)
        except _Again as error:
            raise TransientError(
                f"{self.name} gave no answer in {self._limits.max_attempts} attempts ({error}); "
                "run the same command again"
            ) from error

    def _post(self, request: ModelRequest) -> tuple[str | None, str]:
        json_mode = self._json_mode
        body = self._body | {"messages": [{"role": "user", "content": _content(request)}]}
        if json_mode:
            body["response_format"] = {"type": "json_object"}
        try:
            response = self._client.post("chat/completions", json=body)
        except (httpx.TimeoutException, httpx.TransportError) as error:
            raise _Again(f"{type(error).__name__}: {error}") from error
        if response.status_code in _AGAIN:
            raise _Again(f"HTTP {response.status_code}: {response.text[:200]}", _retry_after_s(response))
        if response.status_code == 400 and json_mode and "response_format" in response.text:
            self._json_mode = False
            return self._post(request)
        if response.status_code in _SETTINGS:
            why = f"HTTP {response.status_code} from {response.url}: {response.text[:200]}"
            raise UsageError(f"{self.name}: {why}; check [captions]")
        if response.status_code >= 400:
            return None, f"HTTP {response.status_code}: {response.text[:200]}"
        return _text_of(response), ""


def served_name(model: str) -> str:
    """captions.model of a served model: what the settings call it; the server tells no version."""
    return f"openai {model}"


def decoding_of(max_tokens: int) -> str:
    """captions.decoding: what a request asks for beside its messages."""
    return json.dumps({"temperature": 0, "seed": SEED, "max_tokens": max_tokens})


def _headers(api_key_env: str | None) -> dict[str, str]:
    if not api_key_env:
        return {}
    key = os.environ.get(api_key_env)
    if not key:
        raise UsageError(f"the environment variable {api_key_env} (captions.api_key_env) is not set")
    return {"Authorization": f"Bearer {key}"}


def _content(request: ModelRequest) -> str | list[dict[str, Any]]:
    if not request.images:
        return request.text
    urls = ["data:image/jpeg;base64," + base64.b64encode(jpeg).decode() for jpeg in request.images]
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return [*pictures, {"type": "text", "text": request.text}]


def _text_of(response: httpx.Response) -> str:
    try:
        text = response.json()["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError) as error:
        raise _Again(f"a reply that is not a chat completion: {response.text[:80]!r}") from error
    return text if isinstance(text, str) else ""


def _retry_after_s(response: httpx.Response) -> float | None:
    """Seconds that Retry-After asks for; its date form and nonsense count as absent."""
    try:
        return max(0.0, float(response.headers["retry-after"]))
    except (KeyError, ValueError):
        return None


def _wait_s(state: RetryCallState, max_wait_s: float) -> float:
    """What the server asked for, else exponential with full jitter; at most max_wait_s."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, _Again) and error.wait_s is not None:
        return min(error.wait_s, max_wait_s)
    return wait_random_exponential(multiplier=0.5, max=max_wait_s)(state)
