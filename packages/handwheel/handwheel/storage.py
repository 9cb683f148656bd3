"""Where a release lies: a folder or s3://bucket/prefix. Credentials come from the environment alone."""

from __future__ import annotations

import functools
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from pyarrow import fs

_CHUNK_BYTES = 1 << 20
_REGION = "us-east-1"
_lance_pid: int | None = None


def _endpoint() -> str | None:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or _REGION


@functools.lru_cache(maxsize=8)
def _s3(endpoint: str | None, region: str, pid: int) -> fs.FileSystem:
    if endpoint is None:
        return fs.S3FileSystem(region=region)
    url = urlsplit(endpoint)
    scheme = cast("Literal['http', 'https']", url.scheme)  # Arrow refuses any other
    return fs.S3FileSystem(endpoint_override=url.netloc, scheme=scheme, region=region)


def storage_options(uri: str) -> dict[str, str] | None:
    """What Lance wants to know of an s3:// URI beyond the AWS chain; None for a folder."""
    if not uri.startswith("s3://"):
        return None
    options = {"aws_region": _region()}
    endpoint = _endpoint()
    if endpoint is not None:
        options["aws_endpoint"] = endpoint
        options["allow_http"] = str(endpoint.startswith("http://")).lower()
    return options


@dataclass(frozen=True, slots=True)
class StorageFolder:
    """A folder and what lies in it, by relative path. A plain value: it holds no connection."""

    uri: str  # an absolute folder, or s3://bucket/prefix, without a slash at its end

    @classmethod
    def of(cls, where: str | os.PathLike[str], base: Path | None = None) -> StorageFolder:
        """The folder that a person names; a relative folder is read from `base` (default: here)."""
        text = os.fspath(where)
        if text.startswith("s3://"):
            return cls(text.rstrip("/"))
        if "://" in text:
            raise ValueError(f"{text}: a folder or s3://bucket/prefix expected")
        return cls(str((base or Path.cwd()).joinpath(Path(text).expanduser()).resolve()))

    def __truediv__(self, path: str) -> StorageFolder:
        return StorageFolder(f"{self.uri}/{path}")

    def _open(self, path: str) -> tuple[fs.FileSystem, str]:
        if self.uri.startswith("s3://"):
            return _s3(_endpoint(), _region(), os.getpid()), f"{self.uri[5:]}/{path}"
        return fs.LocalFileSystem(), f"{self.uri}/{path}"

    def read(self, path: str) -> bytes:
        """Bytes of a small file; FileNotFoundError where there is none."""
        files, full = self._open(path)
        with files.open_input_stream(full) as f:
            return bytes(f.read())

    def sha256(self, path: str) -> str:
        """64 hex digits over a file of any size; FileNotFoundError where there is none."""
        files, full = self._open(path)
        digest = hashlib.sha256()
        with files.open_input_stream(full) as f:
            while chunk := f.read(_CHUNK_BYTES):
                digest.update(chunk)
        return digest.hexdigest()

    def sizes(self, folder: str) -> dict[str, int]:
        """Size in bytes of every file under a folder, by path relative to this one; {} if there is none."""
        files, full = self._open(folder)
        infos = files.get_file_info(fs.FileSelector(full, recursive=True, allow_not_found=True))
        return {folder + i.path[len(full) :]: i.size for i in infos if i.type == fs.FileType.File}


def refuse_fork() -> None:
    """RuntimeError in a process forked from one that has opened a dataset, which Lance does not survive."""
    if _lance_pid not in (None, os.getpid()):
        raise RuntimeError(
            "this process was forked after a view was read, which Lance does not survive: start workers "
            "with multiprocessing.get_context('spawn') or 'forkserver' "
            "(DataLoader: multiprocessing_context='spawn')"
        )


def open_dataset(folder: StorageFolder, version: int) -> Any:
    """A Lance dataset at a version; see refuse_fork."""
    global _lance_pid
    refuse_fork()
    import lance

    _lance_pid = os.getpid()
    return lance.dataset(folder.uri, version=version, storage_options=storage_options(folder.uri))
