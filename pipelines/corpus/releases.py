"""A release's files under its root: where they lie, how one is finished, read and verified."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from handwheel import format as fmt

from infra.sandbox import tempdirs
from infra.storage import objects
from infra.storage.tables import Store
from pipelines.corpus.release_document import ReleaseDocument, parse_release
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


def load(store: Store, name: str) -> ReleaseDocument:
    """A release by name. UsageError where it is not there."""
    try:
        data = objects.read_bytes(objects.join(folder_of(store, name), fmt.RELEASE_FILE))
    except FileNotFoundError as e:
        raise UsageError(f"no release {name!r} under {store.root}; `handwheel release list` names them") from e
    return parse_release(data)


def names(store: Store) -> list[str]:
    """Published releases, oldest first."""
    rows = store.read("releases", ["name", "created_ns"]).sort_by([("created_ns", "ascending"), ("name", "ascending")])
    return values_of(rows["name"], str)


def newest(store: Store) -> ReleaseDocument | None:
    """The newest release; None before the first."""
    known = names(store)
    return load(store, known[-1]) if known else None


def pin_uri(store: Store, name: str) -> str:
    """Where a release's pin lies."""
    return _named(store, fmt.pin_file, name)


def pin_of(store: Store, release: ReleaseDocument) -> fmt.Pin:
    """The pin of a release."""
    root = store.root if objects.is_s3(store.root) else str(Path(store.root).resolve())
    return fmt.Pin(root=root, release=release.name, id=release.id, files_sha256=release.files_sha256)


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


def as_json(release: ReleaseDocument) -> dict[str, object]:
    """What `release show --json` prints."""
    views = {view: {"clips": facts.clips, "hours": facts.hours} for view, facts in release.views.items()}
    parents = [release.parent] if release.parent else []
    return {"name": release.name, "id": release.id, "parents": parents, "views": views}


def as_text(release: ReleaseDocument) -> str:
    """A release for people."""
    lines = [f"{release.name}  id {release.id}", f"parent {release.parent or '-'}, made {release.created}"]
    for view, facts in release.views.items():
        splits = ", ".join(f"{n} {s}" for s, n in release.splits[view].items())
        lines.append(f"  {view:<20} {facts.clips:>7} clips  {facts.hours * 3600:>10.1f} s  ({splits})")
    lines += [f"  left out: {n} for {why}" for why, n in release.left_out.items()]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class ViewDiff:
    """Clip ids that came, went and changed in a view."""

    added: list[str]
    removed: list[str]
    changed: list[str]


@dataclass(frozen=True, slots=True)
class ReleaseDiff:
    """What differs between two releases, by view."""

    old: str
    new: str
    same_recipe: bool
    views: dict[str, ViewDiff]

    def plain(self) -> dict[str, object]:
        """What `release diff --json` prints."""
        views = {view: asdict(changes) for view, changes in self.views.items()}
        return {"from": self.old, "to": self.new, "same_recipe": self.same_recipe, "views": views}

    def text(self) -> str:
        """For people: counts a view."""
        lines = [f"{self.old} -> {self.new}" + ("" if self.same_recipe else "  (another recipe)")]
        for view, c in self.views.items():
            lines.append(f"  {view:<20} +{len(c.added)} -{len(c.removed)} ~{len(c.changed)}")
        return "\n".join(lines)


def diff(store: Store, old_name: str, new_name: str) -> ReleaseDiff:
    """Clips added, removed and changed between two releases."""
    old, new = load(store, old_name), load(store, new_name)
    views = {}
    for view in sorted({*old.views, *new.views}):
        before, after = row_digests(store, old, view), row_digests(store, new, view)
        views[view] = ViewDiff(
            added=sorted(after.keys() - before.keys()),
            removed=sorted(before.keys() - after.keys()),
            changed=sorted(k for k in after.keys() & before.keys() if after[k] != before[k]),
        )
    return ReleaseDiff(old_name, new_name, old.recipe == new.recipe, views)


def row_digests(store: Store, release: ReleaseDocument, view: str) -> dict[str, str]:
    """Row digests of a view by clip; empty where the release lacks the view."""
    if view not in release.views:
        return {}
    path = objects.join(fmt.release_folder(release.name), fmt.dataset_folder(view))
    table = store.dataset(path, release.views[view].version).to_table(columns=["clip_id", "row_sha256"])
    return dict(zip(values_of(table["clip_id"], str), values_of(table["row_sha256"], str), strict=True))


@dataclass(frozen=True, slots=True)
class Verified:
    """A release whose every byte was read and is as its pin says."""

    name: str
    id: str
    files: int
    root: str

    def plain(self) -> dict[str, object]:
        """What `release verify --json` prints."""
        return {"name": self.name, "id": self.id, "verified": True, "files": self.files, "root": self.root}


def verify(store: Store, name: str) -> Verified:
    """Reads a release whole where it lies now, with the trainers' own client. VerificationFailed: what differs.

    The pin says where the release was published: a copy elsewhere is what was asked for, and is what is read.
    """
    import handwheel

    try:
        with tempdirs.folder("pin") as folder:
            path = folder / f"{name}.pin"
            path.write_bytes(objects.read_bytes(pin_uri(store, name)))
            handwheel.open(path, root=store.root).verify(deep=True)
    except FileNotFoundError as e:
        raise UsageError(f"no pin of {name!r} under {store.root}; `handwheel release list` names the releases") from e
    except handwheel.VerificationError as e:
        raise VerificationFailed(str(e)) from e
    listed = fmt.load_files(objects.read_bytes(objects.join(folder_of(store, name), fmt.FILES_FILE)))
    return Verified(name, load(store, name).id, len(listed), store.root)
