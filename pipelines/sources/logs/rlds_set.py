"""An RLDS data set's own account of itself: what a step holds, how many episodes each shard has, at which rate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from infra.storage import objects
from pipelines.sources.logs.base import NUMBERS, OTHER, PICTURES, WORDS, LogField, LogOptions
from pipelines.sources.logs.fields import json_object
from schemas.errors import BadMedia

# Control rates by data set: the Open X-Embodiment paper's table (arXiv 2310.08864), DROID's page.
RATES_HZ = {"bridge_dataset": 5.0, "fractal20220817_data": 3.0, "droid": 15.0}
SHARD = re.compile(r"(?P<name>.+)-(?P<split>[^-]+)\.tfrecord-(?P<shard>\d{5})-of-(?P<shards>\d{5})")
INFO = "dataset_info.json"
META = ("features.json", INFO)
NUMBER_TYPES = frozenset({"float32", "float64", "int32", "int64", "bool", "uint8"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature of a step. size: numbers a step; picture: encoded pictures; depth: distances."""

    size: int = 1
    number: bool = False
    picture: bool = False
    depth: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RldsSet:
    """What the two JSON files say. features: of a step, by path; shards: episodes of each, by split; name: its own."""

    name: str
    features: Mapping[str, Feature]
    shards: Mapping[str, tuple[int, ...]]


def open_set(root: str) -> RldsSet:
    """BadMedia: bad_json, bad_header. FileNotFoundError: dataset_info.json is not there."""
    features = json_object(objects.read_bytes(f"{root}/features.json"), "features.json")
    info = json_object(objects.read_bytes(f"{root}/dataset_info.json"), "dataset_info.json")
    try:
        steps = features["featuresDict"]["features"]["steps"]["sequence"]["feature"]
        splits = info.get("splits") or []
        return RldsSet(
            name=str(info.get("name")),
            features=dict(sorted(_features(steps, ""))),
            shards={str(s["name"]): tuple(int(n) for n in s["shardLengths"]) for s in splits},
        )
    except (KeyError, TypeError, ValueError) as e:
        raise BadMedia("bad_header", f"features.json or dataset_info.json: {type(e).__name__} {e}"[:200]) from e


def _features(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Feature]]:
    if "featuresDict" in node:
        for name, inner in node["featuresDict"]["features"].items():
            yield from _features(inner, f"{path}/{name}" if path else name)
    elif "image" in node:
        depth = node["image"].get("dtype", "uint8") != "uint8" or "depth" in path.lower()
        yield path, Feature(picture=not depth, depth=depth)
    elif "text" in node:
        yield path, Feature()
    elif "tensor" in node:
        shape = [int(n) for n in node["tensor"].get("shape", {}).get("dimensions", [])]
        known = node["tensor"].get("dtype") in NUMBER_TYPES and all(n > 0 for n in shape)
        yield path, Feature(size=int(np.prod(shape)), number=known)


def fields_of(data_set: RldsSet) -> Iterator[LogField]:
    """The features of a step by their paths."""
    for path, feature in data_set.features.items():
        if feature.number:
            yield LogField(name=path, kind=NUMBERS, about=f"{feature.size} a step", width=feature.size)
        elif feature.picture or feature.depth:
            kind, about = (PICTURES, "pictures") if feature.picture else (OTHER, "distances")
            yield LogField(name=path, kind=kind, about=about)
        else:
            yield LogField(name=path, kind=WORDS, about="words")


def announced_by(data_set: RldsSet) -> str:
    """How many episodes each split is said to have."""
    splits = (f"{name} {sum(n)} episodes in {len(n)} shards" for name, n in data_set.shards.items())
    return f"{data_set.name}: {', '.join(splits) or 'no split'}"


def shards_lacking(data_set: RldsSet, uris: Iterable[str]) -> list[tuple[str, int]]:
    """Split and number of the shards that hold episodes and that are none of `uris`."""
    there = {place_of(uri) for uri in uris if SHARD.fullmatch(uri.rpartition("/")[2])}
    announced = ((split, i) for split, lengths in data_set.shards.items() for i, n in enumerate(lengths) if n)
    return [place for place in announced if place not in there]


def episodes_of(data_set: RldsSet, uri: str) -> int:
    """How many episodes the shard is said to hold."""
    split, shard = place_of(uri)
    lengths = data_set.shards.get(split, ())
    return lengths[shard] if shard < len(lengths) else 0


def place_of(uri: str) -> tuple[str, int]:
    """Split and number of the shard. BadMedia: bad_header."""
    name = uri.rpartition("/")[2]
    match = SHARD.fullmatch(name)
    if match is None:
        raise BadMedia("bad_header", f"{name} is not called as a shard is")
    return match["split"], int(match["shard"])


def rate_of(data_set: RldsSet, options: LogOptions) -> float:
    """BadMedia: no_rate."""
    if (rate_hz := options.fps_hz or RATES_HZ.get(data_set.name)) is None:
        raise BadMedia("no_rate", f"{data_set.name} has no clock: say its rate, `fps_hz = ...` in its [[robot]]")
    return rate_hz
