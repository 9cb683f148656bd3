"""The door to files and S3: list, read, download, conditional put. A URI is a local path or s3://bucket/key."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import io
import os
import random
import re
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeVar

from infra.storage import resumable
from schemas.errors import TransientError, UsageError

if TYPE_CHECKING:
    from types_boto3_s3 import type_defs
    from types_boto3_s3.client import S3Client

T = TypeVar("T")
READ_TIMEOUT_S = 60.0
PAGE_KEYS = 1000  # as many as S3 gives
LIST_ATTEMPTS = 4
MISSING = ("NoSuchKey", "404", "NotFound", "NoSuchBucket")
REFUSED = ("PreconditionFailed", "412", "ConditionalRequestConflict", "409")


class Conflict(Exception):
    """A conditional put lost: somebody else's bytes are there."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One listed object: where it is and what tells its versions apart."""

    uri: str
    size_bytes: int
    etag: str
    modified_ns: int


def join(uri: str, *parts: str) -> str:
    """The URI with parts below it."""
    return "/".join([uri.rstrip("/"), *(p.strip("/") for p in parts)])


def is_s3(uri: str) -> bool:
    """Whether the URI names an S3 object, bucket or prefix."""
    return uri.startswith("s3://")


def _parts(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    if not bucket:
        raise UsageError(f"{uri}: an S3 URL is s3://bucket/prefix")
    return bucket, key


@functools.cache
def _client(pid: int) -> S3Client:
    import boto3
    from botocore.config import Config

    del pid  # one client a process: boto3's are not safe over fork
    # Not `standard`, which stops trying again once a client's quota of retries is spent: a night's run is one client.
    config = Config(
        retries={"mode": "legacy", "total_max_attempts": 6}, connect_timeout=10, read_timeout=READ_TIMEOUT_S
    )
    return boto3.client("s3", config=config)


def _s3(call: Callable[[S3Client], T], uri: str) -> T:
    """The one place where botocore's errors become ours; botocore has retried by then."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call(_client(os.getpid()))
    except ClientError as e:
        code = str(e.response.get("Error", {}).get("Code", ""))
        if code in MISSING:
            raise FileNotFoundError(uri) from e
        if code in REFUSED:
            raise Conflict(uri) from e
        raise TransientError(f"{uri}: S3 answered {code}; run the same command again") from e
    except BotoCoreError as e:
        raise TransientError(f"{uri}: {e}; check AWS_ENDPOINT_URL and run the same command again") from e


def storage_options() -> dict[str, str]:
    """What a table needs to reach the same S3 as this door: endpoint and region from AWS's own variables."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    options = {"aws_region": region}
    if endpoint:
        options |= {"aws_endpoint": endpoint, "allow_http": str(endpoint.startswith("http://")).lower()}
    return options


def list_objects(prefix: str) -> Iterator[ObjectInfo]:
    """Every object below a prefix or folder (or the one file it names), in order; nothing hidden."""
    if is_s3(prefix):
        bucket, _ = _parts(prefix)
        for o in _listed(prefix):
            stamp = int(o["LastModified"].timestamp()) * 1_000_000_000
            yield ObjectInfo(f"s3://{bucket}/{o['Key']}", int(o["Size"]), o["ETag"].strip('"'), stamp)
        return
    base = Path(prefix)
    for path in [base] if base.is_file() else sorted(_files(base, set())):
        try:
            status = path.stat()
        except OSError:  # gone since the folder was read, or a link to nothing
            continue
        if stat.S_ISREG(status.st_mode):
            yield _local_info(str(path), status)


def _listed(prefix: str) -> Iterator[type_defs.ObjectTypeDef]:
    """S3's entries below a prefix, page by page; a page that fails is asked for again, and none before it.

    TransientError: one page failed LIST_ATTEMPTS times, each after botocore's own tries.
    """
    token, failures = "", 0
    while True:
        try:
            page = _page(prefix, token)
        except TransientError:
            failures += 1
            if failures >= LIST_ATTEMPTS:
                raise
            time.sleep(random.uniform(0, resumable.BACKOFF_S / 4 * failures))
            continue
        yield from page.get("Contents", [])
        token, failures = page.get("NextContinuationToken", ""), 0
        if not token:
            return


def _page(prefix: str, token: str) -> type_defs.ListObjectsV2OutputTypeDef:
    """One page of a listing, the first where there is no token."""
    bucket, key = _parts(prefix)
    request: type_defs.ListObjectsV2RequestTypeDef = {"Bucket": bucket, "Prefix": key, "MaxKeys": PAGE_KEYS}
    request |= {"ContinuationToken": token} if token else {}
    return _s3(lambda c: c.list_objects_v2(**request), prefix)


def _files(folder: Path, entered: set[str]) -> Iterator[Path]:
    """What is not hidden and no folder, below a folder; a linked folder is entered once, and never from within."""
    entered.add(os.path.realpath(folder))
    try:
        entries = sorted(os.scandir(folder), key=lambda e: (e.is_symlink(), e.name))
    except OSError:  # gone since its parent was read, or not ours to read
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if not Path(entry.path).is_dir():  # False for a link to itself, where entry.is_dir() raises
            yield Path(entry.path)
        elif not entry.is_symlink() or os.path.realpath(entry.path) not in entered:
            yield from _files(Path(entry.path), entered)


def exists(uri: str) -> bool:
    """Whether an object (or, locally, a file or folder) is there."""
    if not is_s3(uri):
        return Path(uri).exists()
    bucket, key = _parts(uri)
    try:
        _s3(lambda c: c.head_object(Bucket=bucket, Key=key), uri)
    except FileNotFoundError:
        return False
    return True


def read(uri: str) -> tuple[bytes, str]:
    """An object's bytes and its ETag. FileNotFoundError where there is none."""
    if is_s3(uri):
        buffer = io.BytesIO()
        etag = _copy(uri, buffer, None)
        return buffer.getvalue(), etag
    data = Path(uri).read_bytes()
    return data, hashlib.md5(data, usedforsecurity=False).hexdigest()


def info(uri: str) -> ObjectInfo:
    """What a listing says of one object. FileNotFoundError where there is none."""
    if is_s3(uri):
        bucket, key = _parts(uri)
        head = _s3(lambda c: c.head_object(Bucket=bucket, Key=key), uri)
        stamp = int(head["LastModified"].timestamp()) * 1_000_000_000
        return ObjectInfo(uri, int(head["ContentLength"]), head["ETag"].strip('"'), stamp)
    return _local_info(uri, Path(uri).stat())


def _local_info(path: str, status: os.stat_result) -> ObjectInfo:
    """A local file's etag is its size and time: what writes the file anew changes it."""
    return ObjectInfo(path, status.st_size, f"{status.st_size:x}-{status.st_mtime_ns:x}", status.st_mtime_ns)


def read_range(uri: str, start: int, count: int, etag: str) -> bytes:
    """At most `count` bytes from `start` of an S3 object whose ETag is still `etag`.

    start lies inside the object. TransientError: the object was rewritten, or S3 gave up after three tries.
    """
    from botocore.exceptions import BotoCoreError

    bucket, key = _parts(uri)
    span, tag = f"bytes={start}-{start + count - 1}", f'"{etag}"'
    for left in (2, 1, 0):
        try:
            return _s3(lambda c: c.get_object(Bucket=bucket, Key=key, Range=span, IfMatch=tag)["Body"].read(), uri)
        except Conflict as e:
            raise TransientError(f"{uri} was rewritten while it was read; run the same command again") from e
        except TransientError as e:  # a body that broke off is not what botocore itself retries
            if not left or not isinstance(e.__cause__, BotoCoreError):
                raise
    raise AssertionError("unreachable")


def read_bytes(uri: str) -> bytes:
    """An object's bytes."""
    return read(uri)[0]


def etag_in(revision: str) -> str | None:
    """The ETag that a listing's revision begins with (more may follow after `+`), where it looks like S3's."""
    etag = revision.partition("+")[0]
    return etag if re.fullmatch(r"[0-9a-f]{32}(-[0-9]{1,5})?", etag) else None


def download(uri: str, path: Path, *, if_match: str | None = None) -> None:
    """Copies an object to a local file; from S3 what broke off goes on by range, while the object is the same.

    if_match: Conflict where the object's ETag is another (S3 alone). FileNotFoundError where there is none.
    """
    if is_s3(uri):
        with path.open("wb") as target:
            _copy(uri, target, if_match)
    else:
        with Path(uri).open("rb") as source, path.open("wb") as target:
            while block := source.read(1 << 20):
                target.write(block)


def _copy(uri: str, target: IO[bytes], if_match: str | None) -> str:
    """Copies an object by ranged reads, every one of the same ETag; returns the ETag."""
    from botocore.exceptions import BotoCoreError
    from urllib3.exceptions import HTTPError

    bucket, key = _parts(uri)
    etag: str | None = if_match and f'"{if_match.strip(chr(34))}"'

    def read(size: int) -> tuple[int, Iterator[bytes]]:
        nonlocal etag
        request: type_defs.GetObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
        request |= {"IfMatch": etag} if etag else {}
        request |= {"Range": f"bytes={size}-"} if size else {}
        try:
            reply = _s3(lambda c: c.get_object(**request), uri)
        except Conflict as e:
            if if_match:
                raise
            raise TransientError(f"{uri} changed while it was read; run the same command again") from e
        etag = reply["ETag"]
        return size + int(reply["ContentLength"]), reply["Body"].iter_chunks(resumable.BLOCK_BYTES)

    resumable.save(read, target, (BotoCoreError, HTTPError, OSError), uri)
    return str(etag)


def upload(path: Path, uri: str) -> None:
    """Copies a local file to an object, whole or not at all, in flat memory."""
    if is_s3(uri):
        bucket, key = _parts(uri)
        _s3(lambda c: c.upload_file(str(path), bucket, key), uri)
        return
    target = Path(uri)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target):
        temporary = target.with_name(f".{target.name}.new")
        download(str(path), temporary)
        temporary.replace(target)


def put(uri: str, data: bytes, *, if_absent: bool = False, if_match: str | None = None) -> str:
    """Writes an object whole or not at all and returns its ETag.

    if_absent: Conflict when something is there. if_match: Conflict unless the ETag there is this one.
    """
    if is_s3(uri):
        bucket, key = _parts(uri)
        request: type_defs.PutObjectRequestTypeDef = {"Bucket": bucket, "Key": key, "Body": data}
        request |= {"IfNoneMatch": "*"} if if_absent else {"IfMatch": if_match} if if_match else {}
        reply = _s3(lambda c: c.put_object(**request), uri)
        return str(reply["ETag"])
    path = Path(uri)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path):
        if if_absent and path.exists():
            raise Conflict(uri)
        if if_match and not _holds(path, if_match):
            raise Conflict(uri)
        # One name, ours while we hold the lock: what a killed put leaves, the next one takes.
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_bytes(data)
        temporary.replace(path)
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _holds(path: Path, etag: str) -> bool:
    return path.exists() and read(str(path))[1] == etag


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Local compare-and-swap: the kernel drops the lock when its holder dies."""
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def delete(uri: str, *, if_match: str | None = None) -> None:
    """Removes one object; no error where there is none. if_match: Conflict when another ETag is there."""
    if is_s3(uri):
        bucket, key = _parts(uri)
        request: type_defs.DeleteObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
        request |= {"IfMatch": if_match} if if_match else {}
        _s3(lambda c: c.delete_object(**request), uri)
        return
    path = Path(uri)
    if not if_match:
        path.unlink(missing_ok=True)
        return
    with _locked(path):
        if path.exists() and not _holds(path, if_match):
            raise Conflict(uri)
        path.unlink(missing_ok=True)


def delete_below(prefix: str) -> None:
    """Removes every object below a prefix or folder, hidden ones and empty folders included."""
    import shutil

    if not is_s3(prefix):
        shutil.rmtree(prefix, ignore_errors=True)
        return
    for info in list(list_objects(prefix.rstrip("/") + "/")):
        delete(info.uri)
