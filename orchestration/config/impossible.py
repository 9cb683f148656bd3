"""Values with which no hop could work."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from infra.storage import objects
from orchestration.config.hints import Loc, meant
from orchestration.config.sections import Config
from pipelines.caption.backends import BACKENDS
from pipelines.detect.detectors import DETECTORS
from pipelines.sources import logs, recordings

POSITIVE = (
    "ingest.cutting.proxy_hz", "ingest.cutting.proxy_long_side_px", "ingest.cutting.cut.longest_s",
    "ingest.batch_bytes", "ingest.batch_items", "ingest.fetch.host_connections", "ingest.fetch.host_requests_per_s",
    "ingest.fetch.attempts", "detect.batch_clips", "policy.longest_span_s", "captions.batch_size",
    "publish.wm_long_side_px", "publish.idm_long_side_px", "publish.wm_fps_hz", "publish.batch_recordings",
)  # fmt: skip
# Shares of something, and evidence, by the end of their keys: 0 to 1.
SHARES = ("_share", "_contact")
# Amounts by their unit, the end of their keys: none is under 0.
UNITS = ("_s", "_hz", "_px", "_bytes", "_mb", "_items", "_samples")
SCHEMES = ("s3", "hf", "http", "https")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
CRON_NAMES = frozenset(
    f"@{every}" for every in ("hourly", "daily", "weekly", "monthly", "yearly", "annually", "midnight")
)
# Minute, hour, day of the month, month, day of the week.
CRON = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))


class Wrong(NamedTuple):
    """A key and what is wrong with it: `publish.val_share` and ` is 45; it is a share, 0 to 1`."""

    loc: Loc
    what: str


def impossible(config: Config) -> Iterator[Wrong]:
    """What is wrong with the values of a config, told before the first hop starts."""
    yield from _places(config)
    for loc, value, known in _choices(config):
        if value not in known:
            yield Wrong(loc, f": {value!r} is not one of {', '.join(known)}{meant(value, known)}")
    for key in POSITIVE:
        if not 0 < (number := attrgetter(key)(config)) < math.inf:
            yield Wrong(tuple(key.split(".")), f" is {number}; it is more than 0")
    for loc, number in _numbers(config):
        name = str(loc[-1])
        if ".".join(map(str, loc)) in POSITIVE:
            continue
        if name.endswith(SHARES) and not 0 <= number <= 1:
            yield Wrong(loc, f" is {number}; it is a share, 0 to 1")
        elif math.isnan(number) or (name.endswith(UNITS) and number < 0):
            yield Wrong(loc, f" is {number}; it is 0 or more")
    if why := _no_cron(config.schedule.ingest_cron):
        yield Wrong(("schedule", "ingest_cron"), f": {why}")


def _places(config: Config) -> Iterator[Wrong]:
    """Roots that cannot be written, and schemes that nothing here reads."""
    if (scheme := _SCHEME.match(config.root)) and not objects.is_s3(config.root):
        what = "can only be read" if objects.is_remote(config.root) else f"is of a kind, {scheme[1]}://, not known here"
        yield Wrong(("root",), f" {config.root} {what}; name a folder or s3://bucket/prefix")
    elif not objects.is_s3(config.root) and Path(config.root).exists() and not Path(config.root).is_dir():
        yield Wrong(("root",), f" {config.root} is not a folder")
    for section in ("source", "robot"):
        for i, place in enumerate(getattr(config, section)):
            if (scheme := _SCHEME.match(place.uri)) and scheme[1].lower() not in SCHEMES:
                known = ", ".join(f"{known}://" for known in SCHEMES)
                yield Wrong(
                    (section, i, "uri"), f" {place.uri}: {scheme[1]}:// is not read here; {known} and folders are"
                )


def _numbers(options: object, loc: Loc = ()) -> Iterator[tuple[Loc, float]]:
    """Every number of the config, with its key."""
    if isinstance(options, bool):
        return
    if isinstance(options, int | float):
        yield loc, options
    elif isinstance(options, tuple):
        for i, one in enumerate(options):
            yield from _numbers(one, (*loc, i))
    elif isinstance(options, BaseModel):
        for name in type(options).model_fields:
            yield from _numbers(getattr(options, name), (*loc, name))
    elif is_dataclass(options):
        for field in fields(options):
            yield from _numbers(getattr(options, field.name), (*loc, field.name))


def _no_cron(line: str) -> str | None:
    """Why a line is no cron line of five fields; None where it is one. Words (`mon`, `l`) are taken as they are."""
    parts = line.split()
    if line in CRON_NAMES:
        return None
    if len(parts) != len(CRON):
        return f"{line!r} has {len(parts)} fields; a cron line has five: minute, hour, day, month, weekday"
    for part, (name, least, most) in zip(parts, CRON, strict=True):
        numbers = [int(n) for n in re.findall(r"(?<![/#\d])\d+", part)]
        if not re.fullmatch(r"[\w*,/#-]+", part) or any(not least <= n <= most for n in numbers):
            return f"{part!r} in {line!r} is no {name}, {least} to {most}"
    return None


def _choices(config: Config) -> Iterator[tuple[Loc, str, tuple[str, ...]]]:
    """Keys that choose by name: key, value, and the names there are."""
    for i, source in enumerate(config.source):
        yield ("source", i, "kind"), source.kind, tuple(recordings.kinds_by_name())
    for i, robot in enumerate(config.robot):
        yield ("robot", i, "kind"), robot.kind, tuple(logs.kinds_by_name())
    for i, detector in enumerate(config.detect.detectors):
        yield ("detect", "detectors", i), detector, tuple(known.name for known in DETECTORS)
    yield ("captions", "backend"), config.captions.backend, tuple(backend.name for backend in BACKENDS)
