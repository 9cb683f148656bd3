"""What a URL holds now, and its bytes in a file: bounded, and resumed where they break off."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.web.request import CutOffError, DoubtfulError, RequestContext, send
from infra.web.response import BUSY, length_of, range_of, refusal_of, same_bytes, served_revision, validator_of
from infra.web.retry import with_retries
from infra.web.revision import Download, ServedRevision
from infra.web.robots_check import context_of
from infra.web.session import Session
from infra.web.urls import redacted_url
from schemas.errors import BadMedia, TransientError

PAGE_TYPES = ("text/html", "application/xhtml+xml", "application/json", "text/xml", "application/xml")
MIN_PROGRESS_BYTES = 64 << 10  # what an attempt must bring for the next one to count as the first


def look_up(url: str, session: Session) -> ServedRevision:
    """See Client.look_up."""
    context = context_of(url, session)
    failures = itertools.count(1)
    return with_retries(lambda: _look_up_once(url, context), lambda: next(failures), context)


def _look_up_once(url: str, context: RequestContext) -> ServedRevision:
    with send("HEAD", url, {}, context) as answer:
        if answer.status == 200:
            return served_revision(answer.headers, length_of(answer.headers))
        if answer.status in BUSY:
            raise refusal_of(answer, context)
    with send("GET", url, {"Range": "bytes=0-0"}, context) as answer:
        if answer.status not in (200, 206):
            raise refusal_of(answer, context)
        size = length_of(answer.headers) if answer.status == 200 else range_of(answer.headers)[1]
        return served_revision(answer.headers, size)


def download(url: str, path: Path, session: Session) -> Download:
    """See Client.download."""
    context = context_of(url, session)
    partial = Partial(path)

    def once() -> Download:
        before = partial.size
        try:
            return _attempt(url, partial, context)
        except CutOffError as e:
            partial.cut_at.append(partial.size)
            if partial.ends_alike(session.limits.attempts):
                raise BadMedia("truncated", f"{partial.size} of {partial.total} bytes, every time") from e
            raise
        finally:
            partial.failures = 1 if partial.size >= before + MIN_PROGRESS_BYTES else partial.failures + 1

    return with_retries(once, lambda: partial.failures, context)


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

    def range_headers(self) -> Mapping[str, str]:
        """Headers that ask for the rest, or for all of it."""
        return {"Range": f"bytes={self.size}-", "If-Range": self.validator} if self.size and self.validator else {}

    def continues_with(self, headers: Mapping[str, str]) -> bool:
        """Whether a 206 brings the next bytes of the same whole."""
        first, total = range_of(headers)
        whole = total is None or self.total in (None, total)
        return first == self.size and whole and same_bytes(self.headers, headers)

    def ends_alike(self, times: int) -> bool:
        """Whether the server has ended at the same byte so often that it will again."""
        return times > 1 and self.size > 0 and self.cut_at[-times:] == [self.size] * times

    def save(self, body: Any, max_bytes: int) -> None:
        """Appends a body. BadMedia `too_large`."""
        with self.path.open("ab") as out:
            for block in body:
                if self.size + len(block) > max_bytes:
                    raise BadMedia("too_large", f"more than {max_bytes} bytes (ingest.fetch.size_bytes)")
                out.write(block)
                self.digest.update(block)
                self.size += len(block)


def _attempt(url: str, partial: Partial, context: RequestContext) -> Download:
    asked_range = partial.range_headers()
    with send("GET", url, asked_range, context) as answer:
        if answer.status not in (200, 206) and not (asked_range and answer.status == 416):
            raise refusal_of(answer, context)
        if answer.status != 200 and not (asked_range and partial.continues_with(answer.headers)):
            partial.size = 0
            raise DoubtfulError(
                "bad_http", f"{redacted_url(url)}: status {answer.status} brings other bytes than were asked for"
            )
        _check_media(answer.headers)
        if answer.status == 200:
            partial.restart(answer.headers)
        if (partial.total or 0) > context.limits.size_bytes:
            raise BadMedia(
                "too_large",
                f"{partial.total} bytes; the limit is {context.limits.size_bytes} (ingest.fetch.size_bytes)",
            )
        partial.save(answer.body, context.limits.size_bytes)
    if partial.total not in (None, partial.size):
        raise TransientError(
            f"{redacted_url(url)}: {partial.size} of {partial.total} bytes came; run the same command again"
        )
    return Download(partial.digest.hexdigest(), partial.size, served_revision(partial.headers, partial.total))


def _check_media(headers: Mapping[str, str]) -> None:
    """BadMedia: not_media_type, content_encoded (we ask for none; what unpacks to how much is not tried)."""
    kind = headers.get("content-type", "").split(";")[0].strip().lower()
    if kind in PAGE_TYPES:
        raise BadMedia("not_media_type", f"the server sends {kind}")
    coding = headers.get("content-encoding", "").strip().lower()
    if coding not in ("", "identity"):
        raise BadMedia("content_encoded", f"the server sends {coding[:40]!r} where identity was asked for")
