"""The door to S3: one client a process, listings page by page, ranged reads, one error each."""

from __future__ import annotations

import functools
import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, TypeVar

from infra.storage import resumable
from infra.storage.info import Conflict
from schemas.errors import TransientError, UsageError

if TYPE_CHECKING:
    from types_boto3_s3 import type_defs
    from types_boto3_s3.client import S3Client

T = TypeVar("T")
READ_TIMEOUT_S = 60.0
MISSING = ("NoSuchKey", "404", "NotFound", "NoSuchBucket")
REFUSED = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")


@dataclass(frozen=True, slots=True)
class Paging:
    """How a listing is asked for: keys a page (S3 gives 1000 at most), and tries of one page with waits between."""

    page_keys: int = 1000
    attempts: int = 4  # of a page, each after botocore's own tries
    backoff_s: float = 5.0  # longer after each failure in a row, at random


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an S3 URI. UsageError: no bucket."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"{uri}: an S3 URL is s3://bucket/prefix")
    return bucket, key


@functools.cache
def client_of(pid: int) -> S3Client:
    """A process's client, by its pid. boto3's are not safe over fork."""
    import boto3
    from botocore.config import Config

    del pid
    # Not `standard`, which stops trying again once a client's quota of retries is spent: a night's run is one client.
    config = Config(
        retries={"mode": "legacy", "total_max_attempts": 6}, connect_timeout=10, read_timeout=READ_TIMEOUT_S
    )
    return boto3.client("s3", config=config)


def call_s3(call: Callable[[S3Client], T], uri: str) -> T:
    """The one place where botocore's errors become ours; botocore has retried by then."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call(client_of(os.getpid()))
    except ClientError as e:
        code = str(e.response.get("Error", {}).get("Code", ""))
        if code in MISSING:
            raise FileNotFoundError(uri) from e
        if code in REFUSED:
            raise Conflict(uri) from e
        raise TransientError(f"{uri}: S3 answered {code}; run the same command again") from e
    except BotoCoreError as e:
        raise TransientError(f"{uri}: {e}; check AWS_ENDPOINT_URL and run the same command again") from e


def list_entries(prefix: str, paging: Paging = Paging()) -> Iterator[type_defs.ObjectTypeDef]:
    """S3's entries below a prefix, page by page; a page that fails is asked for again, and none before it.

    TransientError: one page failed as often as `paging` allows, each after botocore's own tries.
    """
    token, failures = "", 0
    while True:
        try:
            page = _page(prefix, token, paging.page_keys)
        except TransientError:
            failures += 1
            if failures >= paging.attempts:
                raise
            time.sleep(random.uniform(0, paging.backoff_s * failures))
            continue
        yield from page.get("Contents", [])
        token, failures = page.get("NextContinuationToken", ""), 0
        if not token:
            return


def _page(prefix: str, token: str, max_keys: int) -> type_defs.ListObjectsV2OutputTypeDef:
    """One page of a listing, the first where there is no token."""
    bucket, key = split_uri(prefix)
    request: type_defs.ListObjectsV2RequestTypeDef = {"Bucket": bucket, "Prefix": key, "MaxKeys": max_keys}
    request |= {"ContinuationToken": token} if token else {}
    return call_s3(lambda c: c.list_objects_v2(**request), prefix)


def read_range(uri: str, start: int, count: int, etag: str) -> bytes:
    """At most `count` bytes from `start` of an S3 object whose ETag is still `etag`.

    start lies inside the object. TransientError: the object was rewritten, or S3 gave up after three tries.
    """
    from botocore.exceptions import BotoCoreError

    bucket, key = split_uri(uri)
    span, tag = f"bytes={start}-{start + count - 1}", f'"{etag}"'
    for left in (2, 1, 0):
        try:
            return call_s3(lambda c: c.get_object(Bucket=bucket, Key=key, Range=span, IfMatch=tag)["Body"].read(), uri)
        except Conflict as e:
            raise TransientError(f"{uri} was rewritten while it was read; run the same command again") from e
        except TransientError as e:  # a body that broke off is not what botocore itself retries
            if not left or not isinstance(e.__cause__, BotoCoreError):
                raise
    raise AssertionError("unreachable")


def copy_out(uri: str, target: IO[bytes], if_match: str | None) -> str:
    """Copies an object by ranged reads, every one of the same ETag; returns the ETag."""
    from botocore.exceptions import BotoCoreError
    from urllib3.exceptions import HTTPError

    bucket, key = split_uri(uri)
    etag: str | None = if_match and f'"{if_match.strip(chr(34))}"'

    def read(size: int) -> tuple[int, Iterator[bytes]]:
        nonlocal etag
        request: type_defs.GetObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
        request |= {"IfMatch": etag} if etag else {}
        request |= {"Range": f"bytes={size}-"} if size else {}
        try:
            reply = call_s3(lambda c: c.get_object(**request), uri)
        except Conflict as e:
            if if_match:
                raise
            raise TransientError(f"{uri} changed while it was read; run the same command again") from e
        etag = reply["ETag"]
        return size + int(reply["ContentLength"]), reply["Body"].iter_chunks(resumable.BLOCK_BYTES)

    resumable.save(read, target, (BotoCoreError, HTTPError, OSError), uri, resumable.MAX_BACKOFF_S)
    return str(etag)
