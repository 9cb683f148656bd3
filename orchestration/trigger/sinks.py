"""Who is told when a trigger fires: a command, a signed webhook. A sink that fails raises Undelivered."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from infra.storage import objects
from schemas.errors import UsageError

ATTEMPTS = 4  # of a webhook, about 7 s in all where the other side refuses at once
FIELD = re.compile(r"\{(pin|release|root|lane|rule|key)\}")
RETRIED = (408, 425, 429)  # and every 5xx: the receiver may think better of it


class Undelivered(Exception):
    """A sink refused; the trigger stays in the outbox."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a sink is told. `key` is the same however often it is delivered."""

    key: str
    rule: str
    lane: str
    release: str
    pin: str  # path or URL of the pin
    root: str
    reason: str
    at_ns: int


def arguments(command: str | Sequence[str], order: Order) -> list[str]:
    """The command's words; {pin} and its like are filled in after splitting, so a path may hold spaces."""
    try:
        words = shlex.split(command) if isinstance(command, str) else list(command)
    except ValueError as e:
        raise UsageError(f"trigger.command is not a command line ({e}): {command}; quote it as in a shell") from e
    if not words:
        raise UsageError("trigger.command is empty; leave it out, or name a program")
    values = {name: str(value) for name, value in asdict(order).items()}
    return [FIELD.sub(lambda found: values[found[1]], word) for word in words]


def run_command(command: str | Sequence[str], order: Order, log_uri: str, timeout_s: float) -> None:
    """Runs the command to its end, without a shell, its output in the log; Undelivered unless it exits 0.

    HANDWHEEL_TRIGGER_KEY in its environment tells a second delivery of the same trigger from a new one.
    """
    words = arguments(command, order)
    with _log(log_uri) as log:
        try:
            code = _run(words, os.environ | {"HANDWHEEL_TRIGGER_KEY": order.key}, log, timeout_s)
        except OSError as e:
            raise Undelivered(f"{words[0]}: {e.strerror or e}; mend trigger.command") from e
        except subprocess.TimeoutExpired as e:
            limit = f"ran past trigger.command_timeout_s = {timeout_s:g} s and was ended"
            raise Undelivered(f"{words[0]} {limit}; its output: {log_uri}") from e
    if code:
        raise Undelivered(f"{words[0]} exited {code}; its output: {log_uri}")


def _run(words: list[str], env: Mapping[str, str], log: IO[bytes], timeout_s: float) -> int:
    """Exit code. The command's whole process group ends with a timeout or with us."""
    child = subprocess.Popen(
        words, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        return child.wait(timeout_s)
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise


@contextmanager
def _log(uri: str) -> Iterator[IO[bytes]]:
    """A file at the URI, readable while it grows where it is local."""
    if not objects.is_s3(uri):
        Path(uri).parent.mkdir(parents=True, exist_ok=True)
        with open(uri, "ab") as log:
            yield log
        return
    with tempfile.TemporaryFile() as log:
        try:
            yield log
        finally:
            log.seek(0)
            objects.put(uri, log.read())


def signature(secret: bytes, timestamp_s: int, body: bytes) -> str:
    """`v1=` and the hex HMAC-SHA256 over "<timestamp>.<body>"."""
    return "v1=" + hmac.new(secret, b"%d." % timestamp_s + body, hashlib.sha256).hexdigest()


def post(url: str, order: Order, secret_env: str, timeout_s: float, now_s: Callable[[], int]) -> None:
    """Posts the order as signed JSON; Undelivered unless some attempt gets a 2xx. Follows no redirect."""
    import httpx
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

    secret = os.environ.get(secret_env, "").encode()
    if not secret:
        raise Undelivered(f"webhooks are signed: set {secret_env} to the secret that {url} shares")
    body = json.dumps(asdict(order), sort_keys=True).encode()
    retrying = Retrying(
        retry=retry_if_exception(_passing), stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(1, max=10), reraise=True,
    )  # fmt: skip
    try:
        for attempt in retrying:
            with attempt:
                at_s = now_s()
                headers = {
                    "Content-Type": "application/json", "X-Handwheel-Key": order.key,
                    "X-Handwheel-Timestamp": str(at_s),
                    "X-Handwheel-Signature": signature(secret, at_s, body),
                }  # fmt: skip
                httpx.post(url, content=body, headers=headers, timeout=timeout_s).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as e:
        raise Undelivered(f"{url}: {e}; mend trigger.webhook_url or its receiver") from e


def _passing(error: BaseException) -> bool:
    import httpx

    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code in RETRIED or error.response.status_code >= 500
    return isinstance(error, httpx.TransportError)
