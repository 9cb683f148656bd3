"""The release format, version 1: names, the row of a view, digests, the file list, the pin. Pure: no I/O.

    releases/<name>/release.json    what it is: recipe, views, statistics, splits, counts
    releases/<name>/files.json      every other file with its size and sha256
    releases/<name>/<view>.lance    one Lance dataset a view, rows of VIEW_SCHEMA
    pins/<name>.pin                 TOML: root, release, id, files_sha256

Whoever publishes and whoever opens take all of it from here, so the two cannot differ.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

FORMAT = 1
RELEASE_FILE = "release.json"
FILES_FILE = "files.json"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LEAF, _NODE, _EMPTY = b"\x00", b"\x01", b"\x02handwheel merkle root of no rows"


def _field(name: str, arrow: pa.DataType, doc: str, *, null: bool = False) -> pa.Field[Any]:
    return pa.field(name, arrow, nullable=null, metadata={"doc": doc})


# Lance's merge_insert is race-proof on a column with this mark.
_KEY: dict[bytes | str, bytes | str] = {"lance-schema:unenforced-primary-key": "true"}

VIEW_SCHEMA: pa.Schema = pa.schema(
    [
        _field("clip_id", pa.string(), "the row's key").with_metadata({"doc": "the row's key", **_KEY}),
        _field("sha256", pa.string(), "of the recording it was cut from"),
        _field("stage", pa.string(), "web, ego, robot"),
        _field("split", pa.string(), "train, val"),
        _field("camera", pa.string(), "robot camera's key", null=True),
        _field("start_ns", pa.int64(), "from the recording's first frame"),
        _field("end_ns", pa.int64(), "half-open"),
        _field("frame_ns", pa.list_(pa.int64()), "(T,) true times from the recording's first frame"),
        _field("fps_hz", pa.float64(), "of the encoded frames"),
        _field("width_px", pa.int32(), "of the encoded frames"),
        _field("height_px", pa.int32(), "of the encoded frames"),
        _field("caption", pa.string(), "what is done", null=True),
        _field("caption_kind", pa.string(), "original, L1..L5, instruction, achieved", null=True),
        _field("caption_model", pa.string(), "what wrote it", null=True),
        _field("licence", pa.string(), "as the source stated it", null=True),
        _field("redaction", pa.string(), "what looked for faces and blurred them; null: not looked for", null=True),
        _field("video", pa.large_binary(), "mp4: H.264, closed GOP 16, no B-frames, T frames"),
        _field("video_sha256", pa.string(), "of video"),
        _field("episode_id", pa.string(), "robot attempt", null=True),
        _field("embodiment", pa.string(), "robot type", null=True),
        _field("task", pa.string(), "what the robot was told to do", null=True),
        _field("outcome", pa.string(), "success, failure, unknown", null=True),
        _field("states", pa.list_(pa.float32()), "(T, S) row by row", null=True),
        _field("state_dim", pa.int32(), "S", null=True),
        _field("actions", pa.list_(pa.float32()), "(T, A) row by row", null=True),
        _field("action_dim", pa.int32(), "A", null=True),
        _field("control_source", pa.list_(pa.string()), "(T,) policy, human, script", null=True),
        _field("intervention", pa.list_(pa.bool_()), "(T,) a person corrected", null=True),
        _field("row_sha256", pa.string(), "row_digest of this row"),
    ]
)

# What a model learns from; the id is of these. The other columns are held by the file digests alone.
_DIGESTED = (
    "clip_id", "camera", "frame_ns", "caption", "split", "outcome", "task", "video_sha256",
    "control_source", "intervention",
)  # fmt: skip


def check_name(name: str, what: str = "name") -> str:
    """The name, if it may be a release's or a view's: a letter or digit, then letters, digits, `.`, `-`, `_`.

    Anything else, a path among it, raises ValueError.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{what} {name!r}: a letter or digit, then at most 127 of letters, digits, . - _")
    return name


def check_sha256(text: str, what: str = "digest") -> str:
    """The text, if it is 64 lower-case hex digits; else ValueError."""
    if not isinstance(text, str) or not _SHA256.fullmatch(text):
        raise ValueError(f"{what} {text!r}: 64 lower-case hex digits expected")
    return text


def release_folder(name: str) -> str:
    """Folder of a release, relative to the root."""
    return f"releases/{check_name(name, 'release')}"


def pin_file(name: str) -> str:
    """Path of a release's pin, relative to the root."""
    return f"pins/{check_name(name, 'release')}.pin"


def dataset_folder(view: str) -> str:
    """Folder of a view's dataset, relative to the release's folder."""
    return f"{check_name(view, 'view')}.lance"


def sha256_hex(data: bytes) -> str:
    """64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def canonical_json(value: Any) -> bytes:
    """UTF-8 JSON: keys sorted, no spaces, no needless escapes. NaN and infinities raise ValueError."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def _floats_digest(values: Sequence[float] | None) -> str | None:
    if values is None:
        return None
    packed = array("f", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return sha256_hex(packed.tobytes())


def row_digest(row: Mapping[str, Any]) -> str:
    """sha256 of a row in canonical form: its ids, times, words, outcome and split, the hash of its video, the
    hashes of its states and actions as little-endian float32, and who was in control.

    row: plain Python values by VIEW_SCHEMA's names (to_pylist's); `video` and `row_sha256` are not read.
    A null, an empty list and an empty text are three different things. Nullable columns may be absent.
    """
    canon: dict[str, Any] = {name: row.get(name) for name in _DIGESTED}
    for name in ("clip_id", "frame_ns", "split", "video_sha256"):
        if canon[name] is None:
            raise ValueError(f"row {row.get('clip_id')!r} has no {name}")
    canon["states"] = _floats_digest(row.get("states"))
    canon["actions"] = _floats_digest(row.get("actions"))
    return sha256_hex(canonical_json(canon))


def merkle_root(leaves: Iterable[str]) -> str:
    """Root over the leaves in sorted order: the same whatever order they come in.

    Leaves and nodes are hashed under different prefixes and an odd node moves up alone (it is not doubled),
    so no two different sets share a root. No leaves have a root of their own.
    """
    level = [hashlib.sha256(_LEAF + leaf.encode()).digest() for leaf in sorted(leaves)]
    if not level:
        return sha256_hex(_EMPTY)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [hashlib.sha256(_NODE + left + right).digest() for left, right in pairs]
        level = above + level[len(above) * 2 :]
    return level[0].hex()


def release_id(recipe: Mapping[str, Any], roots: Mapping[str, str]) -> str:
    """The release's id: one hash over its recipe and the Merkle root of every view (roots: {view: root}).

    The same data and recipe give the same id wherever and whenever they were published.
    """
    for view, root in roots.items():
        check_name(view, "view")
        check_sha256(root, f"root of {view}")
    # Through JSON and back: what was published (perhaps with integer keys) and what is read hash alike.
    fields = json.loads(canonical_json(dict(recipe)))
    return sha256_hex(canonical_json({"format": FORMAT, "recipe": fields, "roots": dict(roots)}))


def check_path(path: str) -> str:
    """A path inside the release's folder, if it is one: relative, `/` between its parts, no `.` or `..`."""
    parts = path.split("/") if isinstance(path, str) else [""]
    if any(p in ("", ".", "..") or any(c in p for c in "\\:") or not p.isprintable() for p in parts):
        raise ValueError(f"path {path!r}: it must stay inside the release's folder")
    return path


@dataclass(frozen=True, slots=True, order=True)
class FileEntry:
    """One file of a release."""

    path: str  # relative to the release's folder
    size_bytes: int
    sha256: str

    def __post_init__(self) -> None:
        check_path(self.path)
        check_sha256(self.sha256, f"sha256 of {self.path}")
        if type(self.size_bytes) is not int or self.size_bytes < 0:
            raise ValueError(f"size_bytes of {self.path}: {self.size_bytes!r}")


def dump_files(entries: Iterable[FileEntry]) -> bytes:
    """Bytes of files.json, sorted by path. A path listed twice raises ValueError."""
    ordered = sorted(entries)
    if len({e.path for e in ordered}) != len(ordered):
        raise ValueError("a path is listed twice")
    return canonical_json({"files": [asdict(e) for e in ordered]})


def load_files(data: bytes) -> list[FileEntry]:
    """Entries of files.json; ValueError for anything that dump_files would not have written."""
    try:
        entries = [FileEntry(**e) for e in json.loads(data)["files"]]
    except (TypeError, KeyError) as e:
        raise ValueError(f"{FILES_FILE} is not a list of path, size_bytes and sha256: {e}") from e
    if dump_files(entries) != data:
        raise ValueError(f"{FILES_FILE} is not in canonical form")
    return entries


def _toml(text: str) -> str:
    # JSON's escapes are TOML's, but JSON lets DEL through, which TOML forbids.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """What a trainer's repository keeps of a release: where it is and exactly what it must be."""

    root: str  # a folder (a relative one: from the pin's folder) or s3://bucket/prefix
    release: str
    id: str
    files_sha256: str

    def __post_init__(self) -> None:
        if not isinstance(self.root, str) or not self.root:
            raise ValueError(f"root {self.root!r}: a folder or s3://bucket/prefix expected")
        check_name(self.release, "release")
        check_sha256(self.id, "id")
        check_sha256(self.files_sha256, "files_sha256")

    def dumps(self) -> str:
        """A few lines of TOML, the same for equal pins."""
        lines = [f"format = {FORMAT}"] + [f"{name} = {_toml(value)}" for name, value in asdict(self).items()]
        return "\n".join(lines) + "\n"

    @classmethod
    def loads(cls, text: str) -> Pin:
        """The pin in a text that dumps wrote, perhaps with comments added. Raises ValueError."""
        fields = tomllib.loads(text)
        if fields.pop("format", None) != FORMAT:
            raise ValueError(f"not a pin of format {FORMAT}")
        try:
            return cls(**fields)
        except TypeError as e:
            raise ValueError(f"a pin has format, root, release, id and files_sha256: {e}") from e
