"""The door to files, S3 and the Hugging Face Hub: list, read, download, conditional put.

A URI is a local path, s3://bucket/key or, to be read alone, hf://datasets/org/name@revision/path.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from infra.storage import hub_files
from infra.storage.hub_files import begin_run as begin_run
from infra.storage.hub_uri import is_hub
from infra.storage.info import Conflict as Conflict
from infra.storage.info import ObjectInfo as ObjectInfo
from infra.storage.s3 import Paging, call_s3, copy_out, list_entries, split_uri
from infra.storage.s3 import read_range as read_s3_range
from schemas.errors import UsageError

if TYPE_CHECKING:
    from types_boto3_s3 import type_defs


def join(uri: str, *parts: str) -> str:
    """The URI with parts below it."""
    return "/".join([uri.rstrip("/"), *(p.strip("/") for p in parts)])


def is_s3(uri: str) -> bool:
    """Whether the URI names an S3 object, bucket or prefix."""
    return uri.startswith("s3://")


def is_remote(uri: str) -> bool:
    """Whether the URI names what is not on this machine's disk, and is fetched to be read as a file."""
    return is_s3(uri) or is_hub(uri)


def storage_options() -> dict[str, str]:
    """What a table needs to reach the same S3 as this door: endpoint and region from AWS's own variables."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    options = {"aws_region": region}
    if endpoint:
        options |= {"aws_endpoint": endpoint, "allow_http": str(endpoint.startswith("http://")).lower()}
    return options


_once: ContextVar[dict[str, list[ObjectInfo]] | None] = ContextVar("listings that are asked for once", default=None)


@contextmanager
def list_once() -> Iterator[None]:
    """For the while, what is listed once is not listed again: for those who ask many readers what lies in one place."""
    token = _once.set({})
    try:
        yield
    finally:
        _once.reset(token)


def list_objects(prefix: str, paging: Paging = Paging()) -> Iterator[ObjectInfo]:
    """Every object below a prefix or folder (or the one file it names), in order; nothing hidden."""
    if (listings := _once.get()) is None:
        yield from _list(prefix, paging)
        return
    if prefix not in listings:
        listings[prefix] = list(_list(prefix, paging))
    yield from listings[prefix]


def _list(prefix: str, paging: Paging) -> Iterator[ObjectInfo]:
    if is_s3(prefix):
        bucket, _ = split_uri(prefix)
        for o in list_entries(prefix, paging):
            stamp = int(o["LastModified"].timestamp()) * 1_000_000_000
            yield ObjectInfo(f"s3://{bucket}/{o['Key']}", int(o["Size"]), o["ETag"].strip('"'), stamp)
        return
    if is_hub(prefix):
        yield from hub_files.list_objects(prefix)
        return
    base = Path(prefix)
    for path in [base] if base.is_file() else sorted(_files(base, set())):
        try:
            status = path.stat()
        except OSError:  # gone since the folder was read, or a link to nothing
            continue
        if stat.S_ISREG(status.st_mode):
            yield _local_info(str(path), status)


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
    """Whether an object (or, but on S3, a file or folder) is there."""
    if is_hub(uri):
        return hub_files.exists(uri)
    if not is_s3(uri):
        return Path(uri).exists()
    bucket, key = split_uri(uri)
    try:
        call_s3(lambda c: c.head_object(Bucket=bucket, Key=key), uri)
    except FileNotFoundError:
        return False
    return True


def read(uri: str) -> tuple[bytes, str]:
    """An object's bytes and its ETag. FileNotFoundError where there is none."""
    if is_s3(uri):
        buffer = io.BytesIO()
        etag = copy_out(uri, buffer, None)
        return buffer.getvalue(), etag
    if is_hub(uri):
        return hub_files.read(uri)
    data = Path(uri).read_bytes()
    return data, hashlib.md5(data, usedforsecurity=False).hexdigest()


def info(uri: str) -> ObjectInfo:
    """What a listing says of one object. FileNotFoundError where there is none."""
    if is_s3(uri):
        bucket, key = split_uri(uri)
        head = call_s3(lambda c: c.head_object(Bucket=bucket, Key=key), uri)
        stamp = int(head["LastModified"].timestamp()) * 1_000_000_000
        return ObjectInfo(uri, int(head["ContentLength"]), head["ETag"].strip('"'), stamp)
    return hub_files.info(uri) if is_hub(uri) else _local_info(uri, Path(uri).stat())


def _local_info(path: str, status: os.stat_result) -> ObjectInfo:
    """A local file's etag is its size and time: what writes the file anew changes it."""
    return ObjectInfo(path, status.st_size, f"{status.st_size:x}-{status.st_mtime_ns:x}", status.st_mtime_ns)


def read_bytes(uri: str) -> bytes:
    """An object's bytes."""
    return read(uri)[0]


def read_range(uri: str, start: int, count: int, etag: str) -> bytes:
    """At most `count` bytes from `start`, which lies inside a remote object whose ETag is still `etag`.

    TransientError: the object was rewritten, or the server gave up after three tries.
    """
    return (hub_files.read_range if is_hub(uri) else read_s3_range)(uri, start, count, etag)


def etag_in(revision: str) -> str | None:
    """The ETag that a listing's revision begins with (more may follow after `+`), where it looks like a server's."""
    etag = revision.partition("+")[0]
    return etag if re.fullmatch(r"[0-9a-f]{32}(-[0-9]{1,5})?|[0-9a-f]{40}|[0-9a-f]{64}", etag) else None


def listed_sha256(uri: str, revision: str) -> str | None:
    """The sha256 of an object's bytes where its listing says it."""
    etag = etag_in(revision) if is_hub(uri) else None
    return etag and hub_files.content_sha256(etag)


def download(uri: str, path: Path, *, if_match: str | None = None) -> None:
    """Copies an object to a local file; from a server what broke off goes on by range, while the object is the same.

    if_match: Conflict where the object's ETag is another (a server's alone). FileNotFoundError where there is none.
    """
    if is_hub(uri):
        hub_files.download(uri, path, if_match)
        return
    if is_s3(uri):
        with path.open("wb") as target:
            copy_out(uri, target, if_match)
    else:
        with Path(uri).open("rb") as source, path.open("wb") as target:
            while block := source.read(1 << 20):
                target.write(block)


def _check_writable(uri: str) -> None:
    if is_hub(uri):
        raise UsageError(f"{uri}: the Hub is read and never written; name a folder or s3://bucket/prefix")


def upload(path: Path, uri: str) -> None:
    """Copies a local file to an object, whole or not at all, in flat memory."""
    _check_writable(uri)
    if is_s3(uri):
        bucket, key = split_uri(uri)
        call_s3(lambda c: c.upload_file(str(path), bucket, key), uri)
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
    _check_writable(uri)
    if is_s3(uri):
        bucket, key = split_uri(uri)
        request: type_defs.PutObjectRequestTypeDef = {"Bucket": bucket, "Key": key, "Body": data}
        request |= {"IfNoneMatch": "*"} if if_absent else {"IfMatch": if_match} if if_match else {}
        reply = call_s3(lambda c: c.put_object(**request), uri)
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
    _check_writable(uri)
    if is_s3(uri):
        bucket, key = split_uri(uri)
        request: type_defs.DeleteObjectRequestTypeDef = {"Bucket": bucket, "Key": key}
        request |= {"IfMatch": if_match} if if_match else {}
        call_s3(lambda c: c.delete_object(**request), uri)
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

    _check_writable(prefix)
    if not is_s3(prefix):
        shutil.rmtree(prefix, ignore_errors=True)
        return
    for info in list(list_objects(prefix.rstrip("/") + "/")):
        delete(info.uri)
