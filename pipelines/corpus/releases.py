"""A release's files under its root: where they lie, how one is finished, read and verified."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from handwheel import format as fmt

from infra.sandbox import tempdirs
from infra.storage import objects
from infra.storage.tables import Store
from schemas.columns import values_of
from schemas.errors import UsageError, VerificationFailed


def folder_of(store: Store, name: str) -> str:
    """URI of a release's folder. UsageError where the name can be none."""
    return _named(store, fmt.release_folder, name)


def _named(store: Store, place: Callable[[str], str], name: str) -> str:
    try:
        return objects.join(store.root, place(name))
    except ValueError as e:
        raise UsageError(f"{e}; `handwheel release list` names the releases") from e


def load(store: Store, name: str) -> dict[str, Any]:
    """release.json of a release. UsageError where there is none."""
    try:
        data = objects.read_bytes(objects.join(folder_of(store, name), fmt.RELEASE_FILE))
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
    return _named(store, fmt.pin_file, name)


def pin_of(store: Store, release: dict[str, Any]) -> fmt.Pin:
    """The pin of a release."""
    root = store.root if objects.is_s3(store.root) else str(Path(store.root).resolve())
    return fmt.Pin(root=root, release=release["name"], id=release["id"], files_sha256=release["files_sha256"])


def list_files(store: Store, name: str) -> list[fmt.FileEntry]:
    """Every file of a release but release.json and files.json, with its hash."""
    base = folder_of(store, name)
    beside = {objects.join(base, fmt.RELEASE_FILE), objects.join(base, fmt.FILES_FILE)}
    entries = []
    with tempdirs.folder("hash") as folder:
        for info in objects.list_objects(base.rstrip("/") + ("/" if objects.is_s3(base) else "")):
            if info.uri in beside:
                continue
            path = Path(info.uri)
            if objects.is_s3(base):
                path = folder / "object"
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
            objects.upload(path, uri)
        else:  # nobody reads the folder before release.json stands in it
            Path(uri).parent.mkdir(parents=True, exist_ok=True)
            objects.download(str(path), Path(uri))


def shown(release: dict[str, Any]) -> dict[str, Any]:
    """What `release show --json` prints."""
    views = {v: {"clips": f["clips"], "hours": f["hours"]} for v, f in release["views"].items()}
    parents = [release["parent"]] if release["parent"] else []
    return {"name": release["name"], "id": release["id"], "parents": parents, "views": views}


def as_text(release: dict[str, Any]) -> str:
    """A release for people."""
    lines = [
        f"{release['name']}  id {release['id']}",
        f"parent {release['parent'] or '-'}, made {release['created']}",
    ]
    for view, facts in release["views"].items():
        splits = ", ".join(f"{n} {s}" for s, n in release["splits"][view].items())
        lines.append(f"  {view:<20} {facts['clips']:>7} clips  {facts['hours'] * 3600:>10.1f} s  ({splits})")
    lines += [f"  left out: {n} for {why}" for why, n in release["left_out"].items()]
    return "\n".join(lines)


def diff(store: Store, a: str, b: str) -> dict[str, Any]:
    """Clips added, removed and changed from release a to b, by view."""
    old, new = load(store, a), load(store, b)
    views = {}
    for view in sorted({*old["views"], *new["views"]}):
        was, now = digests(store, old, view), digests(store, new, view)
        views[view] = {
            "added": sorted(now.keys() - was.keys()),
            "removed": sorted(was.keys() - now.keys()),
            "changed": sorted(k for k in now.keys() & was.keys() if now[k] != was[k]),
        }
    return {"from": a, "to": b, "same_recipe": old["recipe"] == new["recipe"], "views": views}


def digests(store: Store, release: dict[str, Any], view: str) -> dict[str, str]:
    """Row digests of a view by clip; empty where the release lacks the view."""
    if view not in release["views"]:
        return {}
    path = objects.join(fmt.release_folder(release["name"]), fmt.dataset_folder(view))
    table = store.dataset(path, release["views"][view]["version"]).to_table(columns=["clip_id", "row_sha256"])
    return dict(zip(values_of(table["clip_id"], str), values_of(table["row_sha256"], str), strict=True))


def diff_text(changes: dict[str, Any]) -> str:
    """A diff for people: counts a view."""
    lines = [f"{changes['from']} -> {changes['to']}" + ("" if changes["same_recipe"] else "  (another recipe)")]
    for view, c in changes["views"].items():
        lines.append(f"  {view:<20} +{len(c['added'])} -{len(c['removed'])} ~{len(c['changed'])}")
    return "\n".join(lines)


def verify(store: Store, name: str) -> dict[str, Any]:
    """Reads a release whole, by its pin, with the trainers' own client. VerificationFailed: what differs."""
    import handwheel

    try:
        with tempdirs.folder("pin") as folder:
            path = folder / f"{name}.pin"
            path.write_bytes(objects.read_bytes(pin_uri(store, name)))
            handwheel.open(path).verify(deep=True)
    except FileNotFoundError as e:
        raise UsageError(f"no pin of {name!r} under {store.root}; `handwheel release list` names the releases") from e
    except handwheel.VerificationError as e:
        raise VerificationFailed(str(e)) from e
    release = load(store, name)
    listed = fmt.load_files(objects.read_bytes(objects.join(folder_of(store, name), fmt.FILES_FILE)))
    return {"name": name, "id": release["id"], "verified": True, "files": len(listed)}
