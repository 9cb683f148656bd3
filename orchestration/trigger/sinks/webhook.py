"""A webhook as a sink: the event as signed JSON."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from orchestration.trigger.options import TriggerOptions
from orchestration.trigger.sinks.base import Event, Undelivered
from schemas.spans import NS

ATTEMPTS = 4  # about 7 s in all where the other side refuses at once
RETRIED = (408, 425, 429)  # and every 5xx: the receiver may think better of it


@dataclass(frozen=True, slots=True)
class WebhookSink:
    """Posts events to a URL, signed with the secret that an environment variable holds."""

    url: str
    secret_env: str
    timeout_s: float
    now_ns: Callable[[], int] = time.time_ns  # signed with each attempt: a receiver refuses an old one

    def deliver(self, event: Event) -> str:
        """The URL. Undelivered unless some attempt gets a 2xx. Follows no redirect."""
        import httpx
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

        secret = os.environ.get(self.secret_env, "").encode()
        if not secret:
            raise Undelivered(f"webhooks are signed: set {self.secret_env} to the secret that {self.url} shares")
        body = json.dumps(asdict(event), sort_keys=True).encode()
        retrying = Retrying(
            retry=retry_if_exception(_may_pass), stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential(1, max=10), reraise=True,
        )  # fmt: skip
        try:
            for attempt in retrying:
                with attempt:
                    headers = signed_headers(event.key, secret, self.now_ns() // NS, body)
                    httpx.post(self.url, content=body, headers=headers, timeout=self.timeout_s).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as e:
            raise Undelivered(f"{self.url}: {e}; mend trigger.webhook_url or its receiver") from e
        return self.url


def sink_of(options: TriggerOptions) -> WebhookSink | None:
    """The sink of `trigger.webhook_url`."""
    if not options.webhook_url:
        return None
    return WebhookSink(options.webhook_url, options.webhook_secret_env, options.webhook_timeout_s)


def signed_headers(key: str, secret: bytes, timestamp_s: int, body: bytes) -> dict[str, str]:
    """The headers of one attempt; the signature is over "<timestamp>.<body>"."""
    return {
        "Content-Type": "application/json",
        "X-Handwheel-Key": key,
        "X-Handwheel-Timestamp": str(timestamp_s),
        "X-Handwheel-Signature": signature(secret, timestamp_s, body),
    }


def signature(secret: bytes, timestamp_s: int, body: bytes) -> str:
    """`v1=` and the hex HMAC-SHA256 over "<timestamp>.<body>"."""
    return "v1=" + hmac.new(secret, b"%d." % timestamp_s + body, hashlib.sha256).hexdigest()


def _may_pass(error: BaseException) -> bool:
    """Whether the same request may be taken later."""
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in RETRIED or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)
