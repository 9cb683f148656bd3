"""The door to the web: what a URL holds now, and bounded downloads that resume and never reach a private address."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.web import host_limits, robots_cache
from infra.web.request import CutOff, Odd, Visit, exchange
from infra.web.response import BUSY, Seen, length_of, range_of, refusal_of, same_bytes, seen_of, validator_of
from infra.web.retry import tried
from infra.web.robots_cache import check_of
from infra.web.ssrf import FetchLimits, told
from infra.web.transport import Net
from schemas.errors import BadMedia, TransientError

PAGES = ("text/html", "application/xhtml+xml", "application/json", "text/xml", "application/xml")
PROGRESS_BYTES = 64 << 10  # what an attempt must bring for the next one to count as the first


@dataclass(frozen=True, slots=True)
class Fetched:
    """A download: its bytes' sha256 and size, and what the server said with the response that brought them."""

    sha256: str
    size_bytes: int
    seen: Seen


def new_run() -> None:
    """Every robots.txt is read again, and hosts that failed are given another chance."""
    robots_cache.forget()
    another_chance()


def another_chance() -> None:
    """Hosts that failed are asked again: who could not say what it has may yet give something."""
    host_limits.forget_failures()


def ask(url: str, limits: FetchLimits = FetchLimits(), net: Net = Net()) -> Seen:
    """What the server holds now: by HEAD, or by a GET of one byte where HEAD is refused.

    BadMedia and TransientError as of `fetch`.
    """
    visit = Visit.of(url, limits, net, check_of(limits, net))
    failures = itertools.count(1)
    return tried(lambda: _ask(url, visit), lambda: next(failures), visit)


def _ask(url: str, visit: Visit) -> Seen:
    with exchange("HEAD", url, {}, visit) as answer:
        if answer.status == 200:
            return seen_of(answer.headers, length_of(answer.headers))
        if answer.status in BUSY:
            raise refusal_of(answer, visit.limits)
    with exchange("GET", url, {"Range": "bytes=0-0"}, visit) as answer:
        if answer.status not in (200, 206):
            raise refusal_of(answer, visit.limits)
        size = length_of(answer.headers) if answer.status == 200 else range_of(answer.headers)[1]
        return seen_of(answer.headers, size)


def fetch(url: str, path: Path, limits: FetchLimits = FetchLimits(), net: Net = Net()) -> Fetched:
    """Downloads to a file. What broke off goes on by range, while the server still has the same bytes.

    BadMedia: bad_url, private_address, insecure_redirect, too_many_redirects, robots_disallow, too_large, too_slow,
    http_<status>, not_media_type, content_encoded, bad_headers, bad_http, truncated.
    TransientError: what may pass, after `limits.attempts` tries in a row without progress.
    """
    visit = Visit.of(url, limits, net, check_of(limits, net))
    partial = Partial(path)

    def once() -> Fetched:
        had = partial.size
        try:
            return _attempt(url, partial, visit)
        except CutOff as e:
            partial.cut_at.append(partial.size)
            if partial.ends_alike(limits.attempts):
                raise BadMedia("truncated", f"{partial.size} of {partial.total} bytes, every time") from e
            raise
        finally:
            partial.failures = 1 if partial.size >= had + PROGRESS_BYTES else partial.failures + 1

    return tried(once, lambda: partial.failures, visit)


@dataclass(slots=True)
class Partial:
    """What has come so far. validator: for If-Range; empty: it cannot go on, only start again."""

    path: Path
    size: int = 0
    total: int | None = None
    validator: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    digest: Any = None
    failures: int = 0
    cut_at: list[int] = field(default_factory=list)  # sizes at which the server ended too early

    def restart(self, headers: Mapping[str, str]) -> None:
        """From the first byte of these headers' response."""
        self.size, self.total, self.validator = 0, length_of(headers), validator_of(headers)
        self.headers, self.digest = headers, hashlib.sha256()
        self.path.write_bytes(b"")

    def wanted(self) -> Mapping[str, str]:
        """Headers that ask for the rest, or for all of it."""
        return {"Range": f"bytes={self.size}-", "If-Range": self.validator} if self.size and self.validator else {}

    def goes_on(self, headers: Mapping[str, str]) -> bool:
        """Whether a 206 brings the next bytes of the same whole."""
        first, total = range_of(headers)
        whole = total is None or self.total in (None, total)
        return first == self.size and whole and same_bytes(self.headers, headers)

    def ends_alike(self, times: int) -> bool:
        """Whether the server has ended at the same byte so often that it will again."""
        return times > 1 and self.size > 0 and self.cut_at[-times:] == [self.size] * times

    def save(self, body: Any, most_bytes: int) -> None:
        """Appends a body. BadMedia `too_large`."""
        with self.path.open("ab") as out:
            for block in body:
                if self.size + len(block) > most_bytes:
                    raise BadMedia("too_large", f"more than {most_bytes} bytes (ingest.fetch.size_bytes)")
                out.write(block)
                self.digest.update(block)
                self.size += len(block)


def _attempt(url: str, partial: Partial, visit: Visit) -> Fetched:
    wanted = partial.wanted()
    with exchange("GET", url, wanted, visit) as answer:
        if answer.status not in (200, 206) and not (wanted and answer.status == 416):
            raise refusal_of(answer, visit.limits)
        if answer.status != 200 and not (wanted and partial.goes_on(answer.headers)):
            partial.size = 0
            raise Odd("bad_http", f"{told(url)}: status {answer.status} brings other bytes than were asked for")
        _check(answer.headers)
        if answer.status == 200:
            partial.restart(answer.headers)
        if (partial.total or 0) > visit.limits.size_bytes:
            raise BadMedia(
                "too_large", f"{partial.total} bytes; the limit is {visit.limits.size_bytes} (ingest.fetch.size_bytes)"
            )
        partial.save(answer.body, visit.limits.size_bytes)
    if partial.total not in (None, partial.size):
        raise TransientError(f"{told(url)}: {partial.size} of {partial.total} bytes came; run the same command again")
    return Fetched(partial.digest.hexdigest(), partial.size, seen_of(partial.headers, partial.total))


def _check(headers: Mapping[str, str]) -> None:
    """BadMedia: not_media_type, content_encoded (we ask for none; what unpacks to how much is not tried)."""
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if kind in PAGES:
        raise BadMedia("not_media_type", f"the server sends {kind}")
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise BadMedia("content_encoded", f"the server sends {coding[:40]!r} where identity was asked for")


__all__ = ["FetchLimits", "Fetched", "Net", "Seen", "another_chance", "ask", "fetch", "new_run", "told"]
