"""Whose attempts a log holds: the namespace of its data set, which with an attempt's own name is its identity."""

from __future__ import annotations

import os
from pathlib import Path

from infra.storage import objects
from infra.storage.hub_uri import is_hub, split_uri


def namespace_of(source_uri: str, name: str | None, root: str) -> str:
    """The namespace of the data set at `root` (LogItem.root), which a `[[robot]]` offers.

    The source's name, else the Hub repository's id (`org/name`), else the source folder's own last name stands for the
    source's own folder; what lies deeper has its path behind that, or alone where the source has no name. A source that
    is one file of a data set is as its folder.
    """
    if is_hub(root) and name is None:
        place = split_uri(root)
        return "/".join(filter(None, (place.repo, place.path)))
    path = _path_below(source_uri, root)
    if name is not None:
        return "/".join(filter(None, (name, path)))
    return path or _last_name(source_uri if path == "" else root)


def place_of(root: str) -> str:
    """The data set's place whatever its revision: what a namespace belongs to."""
    if is_hub(root):
        place = split_uri(root)
        return "/".join(filter(None, (f"hf://datasets/{place.repo}", place.path)))
    return root.rstrip("/") if objects.is_s3(root) else os.path.normpath(root)


def _path_below(source_uri: str, root: str) -> str | None:
    """The root's path below the source, `/` between its parts; "" where they are one, None where it lies elsewhere."""
    if is_hub(root):
        source_uri, root = place_of(source_uri), place_of(root)
    if "://" in root:
        folder, root = source_uri.rstrip("/"), root.rstrip("/")
        return "" if root == folder else root[len(folder) + 1 :] if root.startswith(f"{folder}/") else None
    path = Path(os.path.relpath(root, source_uri)).as_posix()
    return None if path == ".." or path.startswith("../") else "" if path == "." else path


def _last_name(uri: str) -> str:
    return uri.rstrip("/").rpartition("/")[2] if "://" in uri else Path(uri).resolve().name
