"""LeRobot data sets, each read once a listing and process: a fold of 10,000 episodes asks 20,000 times."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.logs.base import BadEpisode, LogItem
from pipelines.sources.logs.fields import json_object, number
from pipelines.sources.logs.lerobot.episodes import episodes_of
from pipelines.sources.logs.lerobot.files import pointers_among, read_lines, read_meta, read_parquet
from pipelines.sources.logs.lerobot.meta import INFO, DataSet, EpisodeMeta, loose_paths, splits_of
from pipelines.sources.logs.lerobot.rows import counts_in
from schemas.errors import BadMedia

VERSIONS = ("v2.0", "v2.1", "v3.0")
KEPT_ENTRIES = 400_000  # files and episodes of the data sets that a process keeps: some 300 MB
_MODALITY = "meta/modality.json"
_ROOT = re.compile(r"(.*)/meta/(?:info\.json|episodes\.jsonl|tasks\.(?:jsonl|parquet)|episodes/.*\.parquet)", re.DOTALL)
_NUMBERED = re.compile(r"(motor|axis|dim|value|state|action|joint)_?\d+")  # names that say no more than a place

_lock = threading.Lock()
_open: dict[tuple[str, str], DataSet] = {}  # by root and listing, the latest asked for last


def roots_below(uri: str) -> dict[str, dict[str, ObjectInfo]]:
    """Files by path below the root of each data set below the folder or prefix; one inside another is its own.

    A data set is where meta/info.json is, or what else only a data set has below meta.
    """
    listed = list(objects.list_objects(uri.rstrip("/") + "/"))
    roots: dict[str, dict[str, ObjectInfo]] = {m[1]: {} for o in listed if (m := _ROOT.fullmatch(o.uri))}
    for info in listed:
        folder = info.uri
        while "/" in folder:
            folder = folder.rpartition("/")[0]
            if folder in roots:
                roots[folder][info.uri[len(folder) + 1 :]] = info
                break
    return roots


def listing_of(files: Mapping[str, ObjectInfo]) -> str:
    """Digest of what a listing found; another one where any file is another."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0{files[path].etag}\n".encode())
    return digest.hexdigest()


def open_data_set(root: str, files: Mapping[str, ObjectInfo], listing: str) -> DataSet:
    """The data set of that listing, from memory where this process has it.

    BadMedia: bad_json, bad_header, bad_table, missing_file, unsupported_version, lfs_pointer.
    """
    with _lock:
        data_set = _open.pop((root, listing), None) or _read(root, files)
        _open[root, listing] = data_set
        while len(_open) > 1 and sum(len(d.files) + len(d.episodes) for d in _open.values()) > KEPT_ENTRIES:
            del _open[next(iter(_open))]
        return data_set


def forget() -> None:
    """Drops what this process keeps."""
    with _lock:
        _open.clear()


def data_set_of(item: LogItem) -> DataSet:
    """The item's data set. Another process than the one that listed it lists and reads it once. BadMedia as above."""
    with _lock:
        known = _open.get((item.root, item.listing))
    if known is not None:
        return known
    return open_data_set(item.root, roots_below(item.root).get(item.root, {}), item.listing)


def _read(root: str, files: Mapping[str, ObjectInfo]) -> DataSet:
    info = json_object(read_meta(files, INFO), INFO)
    version = _version(info, files)
    if version not in VERSIONS:
        raise BadMedia("unsupported_version", f"{version[:40]}: {', '.join(VERSIONS)} are read; convert it")
    fps_hz, features = max(number(info, "fps") or 0.0, 0.0), info.get("features")
    if not isinstance(features, dict):
        raise BadMedia("bad_header", f"{INFO} lacks features")
    faults: list[BadEpisode] = []
    episodes = _distinct(episodes_of(version, info, files), faults)
    if not episodes and faults:
        raise BadMedia(faults[0].reason, faults[0].detail)
    frames, tasks = number(info, "total_frames"), _tasks(files, faults)
    if not tasks and "task_index" in features and (silent := [e.name for e in episodes if not e.tasks]):
        detail = f"no list of tasks; {len(silent)} of {len(episodes)} episodes have no words of their own"
        faults.append(BadEpisode(name="meta/tasks", reason="missing_file", detail=detail))
    data_set = DataSet(
        root=root,
        version=version,
        fps_hz=fps_hz,
        robot_type=str(info.get("robot_type") or "unknown"),
        features=_with_group_names(features, _modality(files, faults)),
        tasks=tasks,
        files=files,
        episodes=episodes,
        placed={},
        faults=tuple(faults),
        pointers=pointers_among(files),
        splits=splits_of(info.get("splits")),
        discarded=_indices(info.get("discarded_episode_indices")),
        announced=(_count(info, "total_episodes"), None if frames is None else int(frames)),
        loose={} if version == "v3.0" else loose_paths(files),
    )
    return replace(data_set, placed=_placed(data_set))


def _version(info: Mapping[str, Any], files: Mapping[str, ObjectInfo]) -> str:
    """The version that info.json states; of an absent one, or a layout that is not that version's, the layout's."""
    stated = str(info.get("codebase_version") or "")
    old = "meta/episodes.jsonl" in files
    new = any(p.startswith("meta/episodes/") and p.endswith(".parquet") for p in files)
    if stated not in ("", *VERSIONS) or old == new:
        return stated
    return "v3.0" if new else stated if stated.startswith("v2") else "v2.1"


def _count(info: Mapping[str, Any], key: str) -> int | None:
    value = number(info, key)
    return None if value is None else int(value)


def _indices(stated: Any) -> frozenset[int]:
    indices = stated if isinstance(stated, list) else []
    return frozenset(int(i) for i in indices if re.fullmatch(r"\d{1,9}(\.0)?", str(i)))


def _distinct(parts: Iterable[EpisodeMeta | BadEpisode], faults: list[BadEpisode]) -> tuple[EpisodeMeta, ...]:
    """Episodes by their last mention, as one that was recorded again is told; the rest are faults."""
    by_index: dict[int, EpisodeMeta] = {}
    for part in parts:
        if isinstance(part, BadEpisode):
            faults.append(part)
            continue
        if part.index in by_index and by_index[part.index] != part:
            detail = f"{part.name} is told twice, of {by_index[part.index].length} and of {part.length} steps"
            faults.append(
                BadEpisode(name=part.name, reason="duplicate_episode", detail=f"{detail}; the last one holds")
            )
        by_index[part.index] = part
    return tuple(by_index.values())


def _placed(data_set: DataSet) -> dict[str, tuple[EpisodeMeta, ...]]:
    """Episodes by data file.

    Where the metadata name no file, the rows say it; where that file is not there, the rows of those of v3.0's files
    that they do not name.
    """
    named = {e.index: data_set.find(e.data) for e in data_set.episodes}
    strays = set(data_set.data_files()) - set(named.values()) if data_set.version == "v3.0" else set()
    placed: dict[str, list[EpisodeMeta]] = defaultdict(list)
    for episode in data_set.episodes:
        path = named[episode.index]
        if path is None:
            among = sorted(strays) if episode.data else data_set.data_files()
            path = next((p for p in among if episode.index in counts_in(data_set, p)), None)
        placed[path or ""].append(episode)
    return {path: tuple(episodes) for path, episodes in placed.items()}


def _tasks(files: Mapping[str, ObjectInfo], faults: list[BadEpisode]) -> dict[int, str]:
    """Task texts by index; the table's text column is `task` or its unnamed pandas index."""
    if "meta/tasks.parquet" in files:
        table = read_parquet(read_meta(files, "meta/tasks.parquet"), "meta/tasks.parquet")
        texts = [f.name for f in table.schema if _is_text(f.type)]
        if not texts or "task_index" not in table.column_names:
            return {}
        name = "task" if "task" in texts else texts[0]
        rows = zip(table["task_index"].to_pylist(), table[name].to_pylist(), strict=True)
        return {int(i): str(t) for i, t in rows if i is not None and t is not None}
    tasks: dict[int, str] = {}
    if "meta/tasks.jsonl" in files:
        for row in read_lines(files, "meta/tasks.jsonl", ("task_index", "task")):
            if isinstance(row, BadEpisode):
                faults.append(row)
            else:
                tasks[int(number(row, "task_index") or 0)] = str(row["task"] or "")
    return tasks


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if isinstance(kind, pa.DictionaryType) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _modality(files: Mapping[str, ObjectInfo], faults: list[BadEpisode]) -> Mapping[str, Any]:
    """GR00T's groups of axes; none where there is no such file, or one that is broken."""
    try:
        return json_object(read_meta(files, _MODALITY), _MODALITY) if _MODALITY in files else {}
    except BadMedia as error:
        faults.append(BadEpisode(name=_MODALITY, reason=error.reason, detail=error.detail))
        return {}


def _with_group_names(features: Mapping[str, Any], modality: Mapping[str, Any]) -> Mapping[str, Any]:
    """Features whose axes have no names but numbers, with `<group>.<place>` where modality.json has a group."""
    named = dict(features)
    for part, feature in (("state", "observation.state"), ("action", "action")):
        about, groups = features.get(feature), modality.get(part)
        if not isinstance(about, Mapping) or not isinstance(groups, Mapping):
            continue
        names, shape = about.get("names"), about.get("shape")
        if not isinstance(shape, list) or len(shape) != 1 or not isinstance(shape[0], int):
            continue
        if names is None or (isinstance(names, list) and all(_NUMBERED.fullmatch(str(n)) for n in names)):
            named[feature] = {**about, "names": _group_names(groups, feature, shape[0], names)}
    return named


def _group_names(groups: Mapping[str, Any], feature: str, width: int, names: list[Any] | None) -> list[str]:
    out = [str(n) for n in names] if names and len(names) == width else [str(i) for i in range(width)]
    for group, span in groups.items():
        if not isinstance(span, Mapping) or span.get("original_key", feature) != feature:
            continue
        start, end = span.get("start"), span.get("end")
        if isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= width:
            out[start:end] = [group] if end == start + 1 else [f"{group}.{i}" for i in range(end - start)]
    return out
