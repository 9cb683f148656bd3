"""What the head of an answer says: which bytes these are, how many, and whether it is worth asking again."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus

from infra.web.host_limits import RetryNextRun
from infra.web.request import Answer, RequestContext
from infra.web.revision import ServedRevision
from infra.web.urls import redacted_url
from schemas.errors import BadMedia, TransientError
from schemas.keys import digest_of

PASSING = (408, 425, 429)  # and every 5xx but PERMANENT: the server may think better of it
PERMANENT = (501, 505, 510)
BUSY = (*PASSING, 503)
STRONG_S = 1  # RFC 9110 8.8.2.2: a Last-Modified so much older than Date tells bytes apart
REVISION_CHARACTERS = 200
DAY_S = 86400.0
Headers = Mapping[str, str]


def served_revision(headers: Headers, size_bytes: int | None) -> ServedRevision:
    """What these headers say; a weak ETag tells revisions apart as well as a strong one."""
    etag = tag_of(headers)
    modified_s, date_s = _seconds(headers.get("last-modified")), _seconds(headers.get("date"))
    revision = etag or ("" if modified_s is None else f"{modified_s}-{size_bytes}")
    at_s = modified_s if modified_s is not None else date_s if etag else None
    plain = re.sub(r"[^\x21-\x7e]", "?", revision)[:REVISION_CHARACTERS]
    if plain != revision:  # what is left out may be what differs
        plain = f"{plain[:-32]}{digest_of(revision)[:32]}"
    return ServedRevision(plain, size_bytes, (at_s or 0) * 1_000_000_000)


def tag_of(headers: Headers) -> str:
    """The ETag without its quotes, weak or strong; empty where there is none."""
    return headers.get("etag", "").strip().removeprefix("W/").strip('"')


def same_bytes(one: Headers, other: Headers) -> bool:
    """Whether nothing that both say tells two bytes apart."""
    tags, times = ({tag_of(h) for h in (one, other)}, {h.get("last-modified", "") for h in (one, other)})
    return len(tags - {""}) < 2 and len(times - {""}) < 2


def validator_of(headers: Headers) -> str:
    """What If-Range may be given; empty where nothing strong is there."""
    etag = headers.get("etag", "").strip()
    if etag:
        strong = not etag.startswith("W/") and re.fullmatch(r'"?[\x21\x23-\x7e]{0,1000}"?', etag)
        return etag if strong else ""
    modified_s, date_s = _seconds(headers.get("last-modified")), _seconds(headers.get("date"))
    if modified_s is None or date_s is None or date_s - modified_s < STRONG_S:
        return ""
    return format_datetime(datetime.fromtimestamp(modified_s, UTC), usegmt=True)


def length_of(headers: Headers) -> int | None:
    """Content-Length, where there is one."""
    text = headers.get("content-length", "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def range_of(headers: Headers) -> tuple[int | None, int | None]:
    """First byte and whole size of a 206, as far as it says."""
    match = re.fullmatch(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)", headers.get("content-range", "").strip())
    if match is None:
        return None, None
    return int(match[1]), None if match[2] == "*" else int(match[2])


def refusal_of(answer: Answer, context: RequestContext) -> BadMedia | TransientError:
    """Why a status brings nothing: for good (`http_<status>`), for now, or x"""
    status = answer.status
    if status not in PASSING and (not 500 <= status < 600 or status in PERMANENT):
        return BadMedia(f"http_{status}", HTTPStatus(status).phrase if status in set(HTTPStatus) else "")
    wait_s = _retry_after_s(answer.headers.get("retry-after", ""))
    context.hosts.hold_back(answer.host, wait_s)
    if wait_s > context.limits.retry_after_s:
        return RetryNextRun(f"{redacted_url(answer.url)}: status {status}, to be asked again in {wait_s:.0f} s")
    return TransientError(f"{redacted_url(answer.url)}: status {status}; run the same command again")


def _retry_after_s(text: str) -> float:
    """Seconds of a Retry-After (a number, or a date); 0 without one, a day at most."""
    if match := re.fullmatch(r"\s*([0-9]{1,9})\s*", text):
        return min(float(match[1]), DAY_S)
    at_s = _seconds(text)
    return 0.0 if at_s is None else min(max(at_s - time.time(), 0.0), DAY_S)


def _seconds(text: str | None) -> int | None:
    """Unix s of an HTTP date, between 1970 and 2262; None for any other text."""
    try:
        at = parsedate_to_datetime(text or "")
        seconds = int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return seconds if 0 <= seconds < 1 << 33 else None
