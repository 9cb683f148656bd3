"""Opening a release: the pin, the id and the file list must agree before anything of it is handed out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from handwheel import format as fmt
from handwheel.document import ReleaseDocument
from handwheel.errors import VerificationError
from handwheel.storage import StorageFolder
from handwheel.verify import Verified, verify_files, verify_view
from handwheel.view import View


@dataclass(frozen=True, slots=True)
class Release(ReleaseDocument):
    """One opened release. A plain value: it pickles, and holds no connection."""

    @property
    def stats(self) -> dict[str, Any]:
        """To normalise by: {view: {"states" | "actions": {"mean", "std", "min", "max", "count"}}}.

        Float32 (D,) and an integer, over the frames of the train split; views without robots have none.
        """
        return {
            view: {
                column: {k: v if k == "count" else np.asarray(v, np.float32) for k, v in axes.items()}
                for column, axes in columns.items()
            }
            for view, columns in self.doc.get("stats", {}).items()
        }

    def view(self, name: str, split: str | None = None) -> View:
        """The rows of one view, or of one split of it; ValueError if the release has none of that name.

        At first use its files must be there with their sizes and its rows must give the Merkle root.
        """
        if name not in self.doc["views"]:
            raise ValueError(f"release {self.name} has no view {name!r}; it has {', '.join(self.views)}")
        splits = self.doc.get("splits", {}).get(name, {})
        if split is not None and split not in splits:
            raise ValueError(f"view {name} has no split {split!r}; it has {', '.join(splits)}")
        return View(self, name, split)

    def verify(self, *, deep: bool = False) -> Verified:
        """Check every listed file's size; deep: also all bytes' hashes, rows' digests, roots and statistics.

        Returns what was looked at; VerificationError names the first things that differ.
        """
        read_release(self.root, self.name, self.pin)
        size_bytes = verify_files(self, deep=deep)
        rows = sum(verify_view(self, name) for name in self.views) if deep else 0
        return Verified(files=len(self.files), size_bytes=size_bytes, rows=rows)


def open(
    where: str | os.PathLike[str],
    *,
    release: str | None = None,
    root: str | os.PathLike[str] | None = None,
) -> Release:
    """Open a pin (a path), or a release by name under a root; refuse what is not what the pin says.

    where: a pin's path (a folder's or s3://), or with `release` the root itself. root: where the corpus lies
    now, if not where the pin says. A relative root in a pin is read from the pin's folder.
    Raises VerificationError; FileNotFoundError where there is no pin.
    """
    if release is not None:
        return read_release(StorageFolder.of(where), release)
    here = StorageFolder.of(where)
    folder, _, file = here.uri.rpartition("/")
    try:
        pin = fmt.Pin.loads(StorageFolder(folder).read(file).decode())
    except ValueError as e:
        raise VerificationError(f"{here.uri}: {e}. Next: `handwheel release pin NAME` writes it again") from e
    if root is not None:
        return read_release(StorageFolder.of(root), pin.release, pin)
    if "://" in folder and "://" not in pin.root and not Path(pin.root).is_absolute():
        raise VerificationError(f"{here.uri}: root {pin.root} is a relative folder. Next: open it with root=")
    return read_release(StorageFolder.of(pin.root, Path(folder)), pin.release, pin)


def read_release(root: StorageFolder, name: str, pin: fmt.Pin | None = None) -> Release:
    """release.json and files.json of a release, checked against each other and against the pin."""
    folder = root / fmt.release_folder(name)
    doc = _read_document(folder, name)
    computed = _compute_id(doc, folder, name)
    stated = {"release.json": doc.get("id")} | ({} if pin is None else {"the pin": pin.id})
    _check_agreement("id", computed, "its recipe and roots", stated, folder, name)
    data = _read_file(folder, fmt.FILES_FILE, name)
    digest = fmt.sha256_hex(data)
    stated = {"release.json": doc.get("files_sha256")} | ({} if pin is None else {"the pin": pin.files_sha256})
    _check_agreement("files_sha256", digest, fmt.FILES_FILE, stated, folder, name)
    try:
        files = tuple(fmt.load_files(data))
    except ValueError as e:
        raise VerificationError(f"{folder.uri}: {e}. {_next_step(name)}") from e
    pin = pin or fmt.Pin(root=root.uri, release=name, id=computed, files_sha256=digest)
    return Release(root, pin, doc, files)


def _next_step(name: str) -> str:
    return (
        f"Next: `handwheel release verify {name}` says what was damaged; "
        f"`handwheel release pin {name}` pins what is there"
    )


def _read_file(folder: StorageFolder, file: str, name: str) -> bytes:
    try:
        return folder.read(file)
    except FileNotFoundError:
        raise VerificationError(
            f"{folder.uri}/{file} is not there: release {name} was never published here, or was taken down. "
            "Next: `handwheel release list`, or open the pin with root=, if the corpus was moved"
        ) from None


def _read_document(folder: StorageFolder, name: str) -> dict[str, Any]:
    where = f"{folder.uri}/{fmt.RELEASE_FILE}"
    data = _read_file(folder, fmt.RELEASE_FILE, name)
    try:
        doc = json.loads(data)
    except ValueError as e:
        raise VerificationError(f"{where} is not JSON: {e}. {_next_step(name)}") from e
    if not isinstance(doc, dict) or doc.get("format") != fmt.FORMAT:
        raise VerificationError(f"{where} is not of format {fmt.FORMAT}. Next: install a newer handwheel")
    if doc.get("name") != name:
        raise VerificationError(f"{where} is of release {doc.get('name')!r}, not {name!r}. {_next_step(name)}")
    return doc


def _compute_id(doc: Mapping[str, Any], folder: StorageFolder, release: str) -> str:
    try:
        counts = [view[field] for view in doc["views"].values() for field in ("rows", "version")]
        if not all(type(n) is int for n in counts):
            raise ValueError(f"rows and version must be integers: {counts}")
        return fmt.release_id(doc["recipe"], {name: view["root"] for name, view in doc["views"].items()})
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise VerificationError(
            f"{folder.uri}/{fmt.RELEASE_FILE} has no sound recipe and views: {e!r}. {_next_step(release)}"
        ) from e


def _check_agreement(
    what: str, computed: str, of: str, stated: Mapping[str, Any], folder: StorageFolder, name: str
) -> None:
    """VerificationError unless everyone who states `what` states what was computed of `of`."""
    wrong = [f"{who} says {value}" for who, value in stated.items() if value != computed]
    if wrong:
        raise VerificationError(
            f"{folder.uri}: {of} give {what} {computed}, but {' and '.join(wrong)}. {_next_step(name)}"
        )
