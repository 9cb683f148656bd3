"""Reader of RLDS data sets (Open X-Embodiment): TFRecord shards, an episode a record, beside features.json.

    bridge_dataset/1.0.0/features.json                     names, shapes and kinds of what an episode holds
    bridge_dataset/1.0.0/dataset_info.json                 name, splits, how many episodes each shard has
    bridge_dataset/1.0.0/bridge_dataset-train.tfrecord-00000-of-00001

Layout: tensorflow_datasets' features (FeaturesDict, Dataset, Image, Tensor), github.com/google-research/rlds. An item
is a shard. An episode is called `<split>_<number>`, counted over the split's shards. There is no clock: the rate is
`fps_hz` of the `[[robot]]`, else what the data set's paper says (RATES_HZ), else the shard is refused.

State is `observation/state`, else every number of the observation, side by side in order of name. A success is a
reward of 1 at the last step; a failure is an end (`is_terminal`) without one, in a shard where others have one; all
else is unknown. A camera whose pictures are all the same bytes shows nothing and is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from infra.readers import tfrecord
from infra.readers.tfrecord import Values, pictures_of
from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.media.log_pictures import Selector, picture_uri
from pipelines.media.log_pictures import rate_of as rate_of_pictures
from pipelines.sources.logs.attempt import AttemptFacts, attempt_of, even_times
from pipelines.sources.logs.base import BadEpisode, LogField, LogItem, LogKind, LogOptions
from pipelines.sources.logs.episode_log import CameraSpan, EpisodeLog, Flags, Floats
from pipelines.sources.logs.fields import UNKNOWN, Outcome, is_yes, outcome_word
from pipelines.sources.logs.rlds_set import (
    INFO,
    META,
    SHARD,
    Feature,
    RldsSet,
    announced_by,
    episodes_of,
    fields_of,
    open_set,
    place_of,
    rate_of,
    shards_lacking,
)
from schemas.errors import BadMedia
from schemas.keys import log_revision
from schemas.spans import NS

TEXTS = ("language_instruction", "observation/natural_language_instruction", "natural_language_instruction")


def list_logs(uri: str, options: LogOptions = LogOptions()) -> Iterator[LogItem]:
    """One item for each shard of each data set below the folder or prefix; one more for shards that are not there."""
    listed = list(objects.list_objects(uri.rstrip("/") + "/"))
    by_uri = {o.uri: o for o in listed}
    for root in sorted(o.uri.rpartition("/")[0] for o in listed if o.uri.endswith("/features.json")):
        meta = [by_uri[f"{root}/{name}"] for name in META if f"{root}/{name}" in by_uri]
        shards = [o for o in listed if o.uri.rpartition("/")[0] == root and SHARD.fullmatch(_name(o.uri))]
        yield from (_item(root, shard, meta) for shard in shards)
        if f"{root}/{INFO}" in by_uri and (lacking := _lacking(root, [o.uri for o in shards])):
            yield _item(root, by_uri[f"{root}/{INFO}"], [*meta, *shards], lacking)


def _name(uri: str) -> str:
    return uri.rpartition("/")[2]


def _lacking(root: str, uris: Sequence[str]) -> list[str]:
    """Splits and numbers of shards that are announced and not there; none where nothing can be told."""
    try:
        return [f"{split} {shard}" for split, shard in shards_lacking(open_set(root), uris)]
    except (BadMedia, FileNotFoundError):  # each shard says why
        return []


def _item(root: str, shard: ObjectInfo, meta: list[ObjectInfo], lacking: Sequence[str] = ()) -> LogItem:
    etags = [shard.etag, *(o.etag for o in meta), *lacking]
    return LogItem(
        uri=shard.uri, root=root, revision=log_revision(shard.uri, etags),
        modified_ns=max(o.modified_ns for o in (shard, *meta)), size_bytes=shard.size_bytes, media=(),
    )  # fmt: skip


def _camera(path: str) -> str:
    return path.removeprefix("observation/").replace("/", "_")


def _pictures(uri: str, record: int, path: str, rate_hz: float) -> str:
    options = {"record": str(record)}
    return picture_uri(uri, Selector("tfrecord", f"steps/{path}", rate_of_pictures(rate_hz), options))


def read(item: LogItem, workdir: Path, options: LogOptions = LogOptions()) -> Iterator[EpisodeLog | BadEpisode]:
    """The shard's episodes; one BadEpisode where it holds fewer than is said, or for each split that lacks shards.

    BadMedia: no_rate, bad_json, bad_header, missing_file, no_states_or_actions, no_pictures.
    """
    try:
        data_set = open_set(item.root)
    except FileNotFoundError as e:
        raise BadMedia("missing_file", "dataset_info.json") from e
    if _name(item.uri) == INFO:
        yield from _left_out(item, data_set)
        return
    rate_hz = rate_of(data_set, options)
    split, shard = place_of(item.uri)
    stated = episodes_of(data_set, item.uri)
    first = sum(data_set.shards.get(split, ())[:shard])
    place = Place(item, data_set, options, rate_hz)
    with _local(item.uri, workdir) as path:
        records = list(_records(path, data_set))
    scored = any(isinstance(record, Record) and record.last("reward") == 1 for record in records)
    for i, record in enumerate(records):
        name = f"{split}_{first + i:06d}"
        try:
            if isinstance(record, BadMedia):
                raise record
            if i >= stated:  # its number is that of the next shard's first one
                raise BadMedia("other_count", f"dataset_info.json says that the shard has {stated} records")
            if (column := options.columns.discarded) and is_yes(_last(record, column)):
                raise BadMedia("discarded", f"{column} leaves it out")
            cameras, blind = _cameras(place, i, record)
            yield from (BadEpisode(name=f"{name}/camera {c}", reason=why, detail=detail) for c, why, detail in blind)
            yield _episode(place, name, record, cameras, scored)
        except BadMedia as e:
            subject = name if i < stated else f"{split}_shard_{shard:05d}_record_{i}"
            yield BadEpisode(name=subject, reason=e.reason, detail=e.detail)
    if len(records) < stated:
        detail = f"{len(records)} records in the shard, dataset_info.json says {stated}"
        yield BadEpisode(name=f"{split}_shard_{shard:05d}", reason="other_count", detail=detail)


def describe(item: LogItem, options: LogOptions) -> dict[str, str]:
    """What dataset_info.json announces. BadMedia: bad_json, bad_header. FileNotFoundError."""
    del options
    return {"announced": announced_by(open_set(item.root))}


def holds(item: LogItem, options: LogOptions) -> list[LogField]:
    """What features.json says that a step holds. BadMedia: bad_json, bad_header. FileNotFoundError."""
    del options
    return list(fields_of(open_set(item.root)))


def _left_out(item: LogItem, data_set: RldsSet) -> Iterator[BadEpisode]:
    there = [o.uri for o in objects.list_objects(f"{item.root}/")]
    by_split: dict[str, list[int]] = {}
    for split, shard in shards_lacking(data_set, there):
        by_split.setdefault(split, []).append(shard)
    for split, numbers in by_split.items():
        lengths = data_set.shards[split]
        detail = (
            f"{len(numbers)} of {len(lengths)} shards of {split} are not there, {sum(lengths[n] for n in numbers)} "
            f"episodes by {INFO}: {', '.join(map(str, numbers[:10]))}"
        )
        yield BadEpisode(name=f"shards of {split}", reason="missing_file", detail=detail)


@dataclass(frozen=True, slots=True)
class Place:
    """What the episodes of a shard share."""

    item: LogItem
    data_set: RldsSet
    options: LogOptions
    rate_hz: float


@dataclass(frozen=True, slots=True)
class Record:
    """An episode's features below `steps/`: numbers and texts by path; of pictures how many, and if all are one."""

    values: Mapping[str, Values]
    pictures: Mapping[str, tuple[int, bool]]

    def last(self, path: str) -> float | None:
        """The last step's number."""
        values = self.values.get(path)
        return float(values[-1]) if isinstance(values, np.ndarray) and values.size else None


@contextmanager
def _local(uri: str, workdir: Path) -> Iterator[Path]:
    if "://" not in uri:
        yield Path(uri)
        return
    path = workdir / "shard"
    objects.download(uri, path)
    yield path


def _records(path: Path, data_set: RldsSet) -> Iterator[Record | BadMedia]:
    for raw in tfrecord.records(path):
        try:
            yield raw if isinstance(raw, BadMedia) else _record(tfrecord.example(raw), data_set)
        except BadMedia as e:
            yield e


def _record(example: Mapping[str, Values], data_set: RldsSet) -> Record:
    steps = {name.removeprefix("steps/"): v for name, v in example.items() if name.startswith("steps/")}
    pictures = {p: pictures_of(steps[p]) for p, f in data_set.features.items() if f.picture and p in steps}
    return Record(
        values={path: values for path, values in steps.items() if path not in pictures},
        pictures={path: (len(pictures), len(set(pictures)) < 2) for path, pictures in pictures.items()},
    )


def _cameras(place: Place, i: int, record: Record) -> tuple[list[CameraSpan], list[tuple[str, str, str]]]:
    """Cameras that show something, and those that do not, with reason and detail."""
    wanted = place.options.columns.cameras or {_camera(p): p for p, f in place.data_set.features.items() if f.picture}
    features = place.data_set.features
    blind = [(_camera(p), "depth_camera", f"{p} holds distances") for p in record.values if _is_depth(features.get(p))]
    spans = []
    for camera, path in sorted(wanted.items()):
        count, still = record.pictures.get(path, (0, True))
        if not count:
            blind.append((camera, "missing_camera", f"no picture of {path}"))
        elif still and count > 1:
            blind.append((camera, "still_camera", f"all {count} pictures of {path} are the same bytes"))
        else:
            uri = _pictures(place.item.uri, i, path, place.rate_hz)
            end_ns = round(count * NS / place.rate_hz)
            spans.append(CameraSpan(camera=camera, uri=uri, start_ns=0, end_ns=end_ns, alone=True))
    if not spans:
        raise BadMedia("no_pictures", f"none shows anything: {', '.join(c for c, _, _ in blind) or 'none is there'}")
    return spans, blind


def _is_depth(feature: Feature | None) -> bool:
    return feature is not None and feature.depth


def _episode(place: Place, name: str, record: Record, cameras: list[CameraSpan], scored: bool) -> EpisodeLog:
    options, item = place.options, place.item
    states, state_names = _vectors(place, record, options.columns.state or _state_paths(place.data_set))
    actions, action_names = _vectors(place, record, options.columns.action or _paths_below(place.data_set, "action"))
    count = len(next(a for a in (states, actions, np.zeros((0, 1), np.float32)) if a is not None))
    reward = record.values.get("reward")
    facts = AttemptFacts(
        name=name, t_ns=even_times(count, place.rate_hz), fps_hz=place.rate_hz, states=states, actions=actions,
        cameras=tuple(cameras), instruction=_instruction(record, options),
        outcome=_outcome(record, options, scored), state_names=state_names, action_names=action_names,
        reward=np.asarray(reward, np.float32) if isinstance(reward, np.ndarray) else None, done=_done(record),
        split=_split(item.uri),
    )  # fmt: skip
    return attempt_of(facts, item, options)


def _state_paths(data_set: RldsSet) -> tuple[str, ...]:
    if "observation/state" in data_set.features:
        return ("observation/state",)
    return _paths_below(data_set, "observation")


def _paths_below(data_set: RldsSet, head: str) -> tuple[str, ...]:
    return tuple(p for p, f in data_set.features.items() if f.number and (p == head or p.startswith(head + "/")))


def _vectors(place: Place, record: Record, paths: tuple[str, ...]) -> tuple[Floats | None, tuple[str, ...]]:
    """(T, width) of features side by side, and a name for each axis. BadMedia: no_states_or_actions, ragged_rows."""
    parts: list[Floats] = []
    names: list[str] = []
    for path in paths:
        values, feature = record.values.get(path), place.data_set.features.get(path)
        if not isinstance(values, np.ndarray) or feature is None:
            known = ", ".join(p for p, f in place.data_set.features.items() if f.number)
            raise BadMedia("no_states_or_actions", f"there is no {path}; there are {known}"[:300])
        if values.size % feature.size:
            raise BadMedia("ragged_rows", f"{path} holds {values.size} numbers, {feature.size} a step")
        parts.append(values.astype(np.float32).reshape(-1, feature.size))
        own = path.rpartition("/")[2]
        names += [f"{own}_{k}" for k in range(feature.size)] if feature.size > 1 else [own]
    if len({len(part) for part in parts}) > 1:
        raise BadMedia("ragged_rows", f"{', '.join(paths)} have {sorted({len(part) for part in parts})} steps")
    return (np.concatenate(parts, axis=1), tuple(names)) if parts else (None, ())


def _instruction(record: Record, options: LogOptions) -> str | None:
    for path in (options.columns.task,) if options.columns.task else TEXTS:
        values = record.values.get(path)
        if isinstance(values, list) and values and values[0].strip():
            return values[0].decode(errors="replace").strip()
    return None


def _last(record: Record, path: str) -> object:
    """The last step's number or text. BadMedia(no_such_column): it is none of the features of a step."""
    values = record.values.get(path)
    if values is None:
        raise BadMedia("no_such_column", f"columns names {path}; there are {', '.join(record.values)}"[:300])
    if isinstance(values, list):
        return values[-1].decode(errors="replace") if values else None
    return float(values[-1]) if values.size else None


def _outcome(record: Record, options: LogOptions, scored: bool) -> Outcome:
    if options.columns.outcome:
        word = outcome_word(_last(record, options.columns.outcome))
        return UNKNOWN if word == "unknown" else (word, "sensor", None)
    if record.last("reward") == 1:
        return "success", "sensor", None
    return ("failure", "sensor", None) if scored and record.last("is_terminal") else UNKNOWN


def _done(record: Record) -> Flags | None:
    values = record.values.get("is_terminal")
    return np.asarray(values, np.bool_) if isinstance(values, np.ndarray) else None


def _split(uri: str) -> str | None:
    split = place_of(uri)[0]
    return {"train": "train", "val": "val", "validation": "val", "test": "test"}.get(split)


KIND = LogKind("rlds", list_logs, read, version=2, describe=describe, holds=holds)
