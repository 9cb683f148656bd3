"""A release's files under its root: where they lie, how one is finished, read and verified."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from handwheel import format as fmt
from infra import objects
from infra.store import Store
from schemas.errors import UsageError


def folder(store: Store, name: str) -> str:
    """URI of a release's folder."""
    return objects.join(store.root, fmt.release_folder(name))


def load(store: Store, name: str) -> dict[str, Any]:
    """release.json of a release. UsageError where there is none."""
    try:
        data = objects.read_bytes(objects.join(folder(store, name), fmt.RELEASE_FILE))
    except FileNotFoundError as e:
        raise UsageError(f"no release {name!r} under {store.root}; `handwheel release list` names them") from e
    return dict(json.loads(data))


def names(store: Store) -> list[str]:
    """Published releases, oldest first."""
    rows = store.read("releases", ["name", "created_ns"]).sort_by([("created_ns", "ascending"), ("name", "ascending")])
    return [str(n) for n in rows["name"].to_pylist()]


def newest(store: Store) -> dict[str, Any] | None:
    """release.json of the newest release."""
    known = names(store)
    return load(store, known[-1]) if known else None


def pin_uri(store: Store, name: str) -> str:
    """Where a release's pin lies."""
    return objects.join(store.root, fmt.pin_file(name))


def pin_of(store: Store, release: dict[str, Any]) -> fmt.Pin:
    """The pin of a release."""
    root = store.root if objects.is_s3(store.root) else str(Path(store.root).resolve())
    return fmt.Pin(root=root, release=release["name"], id=release["id"], files_sha256=release["files_sha256"])


def list_files(store: Store, name: str) -> list[fmt.FileEntry]:
    """Every file of a release but release.json and files.json, with its hash."""
    base = folder(store, name)
    beside = {objects.join(base, fmt.RELEASE_FILE), objects.join(base, fmt.FILES_FILE)}
    entries = []
    with tempfile.TemporaryDirectory(prefix="handwheel-hash-") as scratch:
        for info in objects.list_objects(base.rstrip("/") + ("/" if objects.is_s3(base) else "")):
            if info.uri in beside:
                continue
            path = Path(info.uri)
            if objects.is_s3(base):
                path = Path(scratch) / "object"
                objects.download(info.uri, path)
            with path.open("rb") as f:
                sha256 = hashlib.file_digest(f, "sha256").hexdigest()
            relative = info.uri[len(base.rstrip("/")) + 1 :]
            entries.append(fmt.FileEntry(relative, info.size_bytes, sha256))
    return entries


def put_tree(source: Path, target: str) -> None:
    """Copies a local folder's files below a URI."""
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        uri = objects.join(target, str(path.relative_to(source)))
        if objects.is_s3(uri):
            objects.put(uri, path.read_bytes())
        else:
            Path(uri).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, uri)
