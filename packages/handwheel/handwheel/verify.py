"""Comparing what is stored with what the release says: sizes, hashes, row digests, roots, statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from handwheel import format as fmt
from handwheel.document import ReleaseDocument
from handwheel.errors import VerificationError
from handwheel.stats import view_stats
from handwheel.storage import open_dataset

_MAX_LISTED = 5


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at and found right. rows: 0 unless deep."""

    files: int
    size_bytes: int
    rows: int


def _refuse(release: ReleaseDocument, where: str, what: str) -> VerificationError:
    return VerificationError(
        f"release {release.name}, {where}: {what}. "
        f"Next: `handwheel release verify {release.name}` lists the damage; restore "
        f"{release.folder.uri} from a copy, or pin another release"
    )


def verify_files(release: ReleaseDocument, view: str | None = None, *, deep: bool = False) -> int:
    """Every listed file (of one view) is there with its size, and deep: its hash. Returns their bytes."""
    prefix = "" if view is None else fmt.dataset_folder(view) + "/"
    listed = [f for f in release.files if f.path.startswith(prefix)]
    if not listed and view is not None:
        raise _refuse(release, prefix, "no file of it is listed")
    sizes: dict[str, int] = {}
    for top in {f.path.split("/")[0] for f in listed}:
        sizes |= release.folder.sizes(top)
    wrong = [f"{f.path} ({_size_fault(f, sizes)})" for f in listed if sizes.get(f.path) != f.size_bytes]
    if deep and not wrong:
        wrong = [f"{f.path} (sha256 differs)" for f in listed if release.folder.sha256(f.path) != f.sha256]
    if wrong:
        more = f" and {len(wrong) - _MAX_LISTED} more" if len(wrong) > _MAX_LISTED else ""
        raise _refuse(release, view or "files", ", ".join(wrong[:_MAX_LISTED]) + more)
    return sum(f.size_bytes for f in listed)


def _size_fault(entry: fmt.FileEntry, sizes: Mapping[str, int]) -> str:
    if entry.path not in sizes:
        return "missing"
    return f"{sizes[entry.path]} bytes, {entry.size_bytes} listed"


@contextmanager
def name_damage(release: ReleaseDocument, view: str) -> Iterator[None]:
    """A context in which what Lance raises on damaged files (errors of many kinds, panics) becomes a
    VerificationError that names them; where every hash is right it was something else, and goes through."""
    try:
        yield
    except VerificationError:
        raise
    except BaseException as e:
        # A panic of Lance's is not an Exception, and its class cannot be imported.
        if isinstance(e, Exception) or type(e).__name__ == "PanicException":
            verify_files(release, view, deep=True)
        raise


def check_row(row: Mapping[str, Any], clip_id: str, release: ReleaseDocument, view: str) -> None:
    """The row asked for, with the video and the content that its digests name; else VerificationError."""
    where = f"{view} row {clip_id}"
    if row["clip_id"] != clip_id:
        raise _refuse(release, where, f"clip {row['clip_id']} was found in its place")
    if fmt.sha256_hex(row["video"]) != row["video_sha256"]:
        raise _refuse(release, where, "its video's bytes do not give video_sha256")
    if fmt.row_digest(row) != row["row_sha256"]:
        raise _refuse(release, where, "its content does not give row_sha256")


def read_index(
    release: ReleaseDocument, view: str, split: str | None, dataset: Any
) -> tuple[list[str], NDArray[np.int64]]:
    """Clip ids in their order and their offsets in the dataset, of one split (None: all).

    Row digests must give the view's root, and the counts must be release.json's; else VerificationError.
    """
    table = dataset.to_table(columns=["clip_id", "split", "row_sha256"])
    expected = release.doc["views"][view]
    if table.num_rows != expected["rows"]:
        raise _refuse(release, view, f"{table.num_rows} rows, release.json says {expected['rows']}")
    if fmt.merkle_root(table["row_sha256"].to_pylist()) != expected["root"]:
        raise _refuse(release, view, "row digests do not give its root")
    splits = Counter(table["split"].to_pylist())
    if splits != Counter(release.doc.get("splits", {}).get(view, {})):
        raise _refuse(release, view, f"splits {dict(splits)} differ from release.json's")
    ids, splits_of = table["clip_id"].to_pylist(), table["split"].to_pylist()
    if len(set(ids)) != len(ids):
        raise _refuse(release, view, "a clip id is there twice")
    offsets = sorted((i for i, s in enumerate(splits_of) if split in (None, s)), key=ids.__getitem__)
    return [ids[i] for i in offsets], np.asarray(offsets, np.int64)


def open_view_dataset(release: ReleaseDocument, view: str) -> Any:
    """The view's Lance dataset at the release's version."""
    return open_dataset(release.folder / fmt.dataset_folder(view), release.doc["views"][view]["version"])


def _checked_rows(release: ReleaseDocument, view: str, dataset: Any) -> Iterator[dict[str, Any]]:
    for batch in dataset.to_batches(batch_size=16):
        for row in batch.to_pylist():
            check_row(row, row["clip_id"], release, view)
            yield row


def verify_view(release: ReleaseDocument, view: str) -> int:
    """Compare a view's rows with their digests, its root and its statistics. Returns how many rows.

    Statistics may differ by rounding (1e-6): they are sums, in an order that is not kept.
    """
    with name_damage(release, view):
        dataset = open_view_dataset(release, view)
        ids, _ = read_index(release, view, None, dataset)
        stats = view_stats(_checked_rows(release, view, dataset))
    expected = release.doc.get("stats", {}).get(view, {})
    if not _close(stats, expected):
        raise _refuse(release, view, f"its train rows give statistics {stats}, release.json says {expected}")
    return len(ids)


def _close(stats: Any, expected: Any) -> bool:
    if isinstance(stats, dict):
        same = isinstance(expected, dict) and stats.keys() == expected.keys()
        return same and all(_close(stats[k], expected[k]) for k in stats)
    if isinstance(stats, int):
        return bool(stats == expected)
    try:
        return len(stats) == len(expected) and np.allclose(stats, expected, rtol=1e-6, atol=1e-9, equal_nan=True)
    except (TypeError, ValueError):
        return False
