"""The door to the Hugging Face Hub: what a data set holds at a commit, its files' bytes, one error each.

HF_ENDPOINT names the server, HF_TOKEN the account; both are read from the environment at each request. The login that
the library stores is never used. Requests go out through huggingface_hub, which tries again what is refused for now.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

from infra.storage.hub_uri import Place
from infra.storage.resumable import BLOCK_BYTES
from schemas.errors import TransientError, UsageError

if TYPE_CHECKING:
    from huggingface_hub.errors import HfHubHTTPError

TOKEN, ENDPOINT = "HF_TOKEN", "HF_ENDPOINT"
PUBLIC_ENDPOINT = "https://huggingface.co"
TIMEOUT_S = 60.0  # without a byte
RETRIES = 4  # of one request; the waits between are the library's, or what the Hub asks for


@dataclass(frozen=True, slots=True)
class Pin:
    """A data set at one commit, and when the data set was last changed (Unix ns; 0 where the Hub does not say)."""

    repo: str
    commit: str
    modified_ns: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of a data set.

    etag: the sha256 of its bytes where the Hub stores it by LFS or Xet (64 digits), else git's id of the blob (40).
    """

    path: str
    size_bytes: int
    etag: str


def endpoint() -> str:
    """The Hub's address, without a slash at its end."""
    return (os.environ.get(ENDPOINT) or PUBLIC_ENDPOINT).rstrip("/")


def resolve(place: Place) -> Pin:
    """The commit that a place's revision names now.

    UsageError: no such data set or revision, or one whose files this account may not read. TransientError.
    """
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError

    with _errors(place.root, place):
        try:  # everyone may list what is gated; whether its files may be read is asked beside
            _request("GET", f"{_api(place)}/auth-check")
        except GatedRepoError:
            raise
        except HfHubHTTPError:  # not every server has this question; the next answer says what is wrong
            pass
        url = f"{_api(place)}/revision/{quote(place.revision, safe='')}"
        answer = _request("GET", url, params={"expand": ["sha", "lastModified"]}).json()
        at = answer.get("lastModified")
        modified_s = int(datetime.fromisoformat(at).timestamp()) if at else 0
        return Pin(place.repo, str(answer["sha"]), modified_s * 1_000_000_000)


def list_tree(place: Place, pin: Pin) -> Iterator[Entry]:
    """Every file below a folder at a commit, page by page. FileNotFoundError, TransientError."""
    url = f"{_api(place)}/tree/{pin.commit}" + (f"/{quote(place.path, safe='')}" if place.path else "")
    with _errors(place.uri, place):
        for answer in _library().paginate(url, {"recursive": True, "expand": False}, _headers(), timeout=TIMEOUT_S):
            if (entry := _entry_of(answer)) is not None:
                yield entry


def look_up(place: Place, pin: Pin) -> tuple[bool, Entry | None]:
    """Whether a path is there at a commit, and its file; no file for a folder."""
    with _errors(place.uri, place):
        wanted = {"paths": [place.path], "expand": False}
        answers = _request("POST", f"{_api(place)}/paths-info/{pin.commit}", data=wanted).json()
        matches = [answer for answer in answers if answer["path"] == place.path]
        return bool(matches), _entry_of(matches[0]) if matches else None


def blocks(place: Place, pin: Pin, start: int, end: int | None) -> Iterator[bytes]:
    """A file's bytes from `start` to before `end` as they come, through redirects; the token goes to the Hub alone.

    Errors of `broken()`: the connection ended, and a read from where it did may go on. FileNotFoundError, UsageError,
    TransientError.
    """
    url = f"{endpoint()}/datasets/{place.repo}/resolve/{pin.commit}/{quote(place.path)}"
    headers = _headers() | {"Accept-Encoding": "identity"}  # so that lengths are those of the file
    if start or end is not None:
        headers["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
    with (
        _refusals(place.uri, place),
        _library().http_stream_backoff(
            "GET", url, headers=headers, timeout=TIMEOUT_S, follow_redirects=True, max_retries=RETRIES,
            retry_on_exceptions=(), retry_on_status_codes=(408, 429, 503),
        ) as response,
    ):  # fmt: skip
        _library().hf_raise_for_status(response)
        at = 0 if response.status_code == 200 else start  # a server without ranges sends all of it
        for block in response.iter_bytes(BLOCK_BYTES):
            before, at = at, at + len(block)
            yield block[max(start - before, 0) : None if end is None else max(end - before, 0)]
            if end is not None and at >= end:
                return


def broken() -> tuple[type[Exception], ...]:
    """Errors of a body that broke off."""
    import httpx2

    return (httpx2.TransportError,)


def _entry_of(answer: Any) -> Entry | None:
    """A file of the Hub's answer; None for a folder."""
    if answer["type"] != "file":
        return None
    lfs = answer.get("lfs")
    return Entry(str(answer["path"]), int(answer["size"]), str(lfs["oid"] if lfs else answer["oid"]))


def _api(place: Place) -> str:
    return f"{endpoint()}/api/datasets/{place.repo}"


def _headers() -> dict[str, str]:
    return dict(_library().build_hf_headers(token=os.environ.get(TOKEN) or False, library_name="handwheel"))


def _request(method: Literal["GET", "POST"], url: str, **request: Any) -> Any:
    response = _library().http_backoff(
        method, url, headers=_headers(), timeout=TIMEOUT_S, follow_redirects=True, max_retries=RETRIES, **request
    )
    _library().hf_raise_for_status(response)
    return response


def _library() -> Any:
    """What the library documents for requests of one's own; its types leave these names out."""
    import huggingface_hub.utils

    logging.getLogger("huggingface_hub.utils._http").addFilter(_is_long_wait)
    return huggingface_hub.utils


def _is_long_wait(record: logging.LogRecord) -> bool:
    """Of what the library says of its tries only a rate limit's minutes are news; the last failure is our error."""
    return record.getMessage().startswith("Rate limited")


@contextmanager
def _errors(uri: str, place: Place) -> Iterator[None]:
    """Errors of a request whose whole answer is wanted."""
    from huggingface_hub.errors import OfflineModeIsEnabled

    try:
        with _refusals(uri, place):
            yield
    except OfflineModeIsEnabled as e:
        raise UsageError(f"{uri}: HF_HUB_OFFLINE is set; unset it to read from the Hub") from e
    except broken() as e:
        why = f"{endpoint()} cannot be reached ({type(e).__name__})"
        raise TransientError(f"{uri}: {why}; check {ENDPOINT} and the network, then run the same command again") from e
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise TransientError(f"{uri}: {endpoint()} answers otherwise than the Hub does; check {ENDPOINT}") from e


@contextmanager
def _refusals(uri: str, place: Place) -> Iterator[None]:
    """The one place where the Hub's refusals become ours."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as e:
        raise _refusal(uri, place, e) from None  # its own text is of many lines, with URLs that may be signed


def _refusal(uri: str, place: Place, error: HfHubHTTPError) -> Exception:
    """What an error status means, and what to do."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    status, page = error.response.status_code, f"{endpoint()}/datasets/{place.repo}"
    if not str(error.response.url).startswith(endpoint()):
        return TransientError(f"{uri}: the Hub's storage answers {status}; run the same command again")
    if isinstance(error, GatedRepoError):
        return UsageError(f"{uri}: it is gated; accept its terms at {page} and set {TOKEN} to a token of that account")
    if isinstance(error, RevisionNotFoundError):
        return UsageError(f"{uri}: it has no branch, tag or commit {place.revision!r}; correct uri in handwheel.toml")
    if status == 401 and os.environ.get(TOKEN):
        return UsageError(f"{uri}: the Hub refuses {TOKEN}; make another token at {endpoint()}/settings/tokens")
    if isinstance(error, RepositoryNotFoundError) or status == 401:
        return UsageError(
            f"{uri}: there is no such data set, or it is private; correct uri in handwheel.toml, or set {TOKEN} to a "
            "token that may read it"
        )
    if status == 403:
        return UsageError(f"{uri}: {TOKEN} may not read it; give the token the right to read this data set")
    if status == 404:
        return FileNotFoundError(uri)
    if status == 429:
        more = "" if os.environ.get(TOKEN) else f", or set {TOKEN}, for which it is higher"
        return TransientError(f"{uri}: the Hub's rate limit is reached; run the same command again in 5 minutes{more}")
    return TransientError(f"{uri}: the Hub answers {status}; run the same command again")
