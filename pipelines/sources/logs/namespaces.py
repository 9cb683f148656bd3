"""Whose attempts a log holds: the namespace of its data set, which with an attempt's own name is its identity."""

from __future__ import annotations

import os
from pathlib import Path

from infra.storage import objects
from infra.storage.hub_uri import is_hub, split_uri


def namespace_of(source_uri: str, name: str | None, root: str) -> str:
    """The namespace of the data set at `root` (LogItem.root), which a `[[robot]]` offers.

    The source's name, else the Hub repository's id (`org/name`), else the source folder's own last name stands for the
    source's own folder; what lies deeper has its path behind that, or alone where the source has no name.
    """
    if is_hub(source_uri) and is_hub(root):
        place = split_uri(root)
        if name is None:
            return "/".join(filter(None, (place.repo, place.path)))
        return "/".join(filter(None, (name, below(split_uri(source_uri).path, place.path))))
    path = _relative(source_uri, root)
    if name is not None:
        return "/".join(filter(None, (name, path)))
    return path or _last_name(source_uri)


def place_of(root: str) -> str:
    """The data set's place whatever its revision: what a namespace belongs to."""
    if is_hub(root):
        place = split_uri(root)
        return "/".join(filter(None, (f"hf://datasets/{place.repo}", place.path)))
    return root.rstrip("/") if objects.is_s3(root) else os.path.normpath(root)


def below(folder: str, path: str) -> str:
    """A path relative to a folder of the same kind; itself where it does not lie there."""
    folder = folder.rstrip("/")
    if path.rstrip("/") == folder:
        return ""
    return path.removeprefix(f"{folder}/" if folder else "").strip("/")


def _relative(source_uri: str, root: str) -> str:
    """The root's path below the source, `/` between its parts; "" where they are one."""
    if objects.is_s3(source_uri):
        return below(source_uri, root)
    path = Path(os.path.relpath(root, source_uri)).as_posix()
    return "" if path == "." else path if not path.startswith("../") else Path(root).name


def _last_name(source_uri: str) -> str:
    if objects.is_s3(source_uri):
        return source_uri.rstrip("/").rpartition("/")[2]
    return Path(source_uri).resolve().name
