"""Values with which no hop could work."""

from __future__ import annotations

import math
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path

from infra.storage import objects
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
SHARES = ("ingest.max_reject_share", "publish.val_share")


def impossible(config: Config) -> Iterator[str]:
    """What is wrong with the values of a config, told before the first hop starts."""
    if objects.is_remote(config.root) and not objects.is_s3(config.root):
        yield f"root {config.root} can only be read; name a folder or s3://bucket/prefix"
    elif not objects.is_s3(config.root) and Path(config.root).exists() and not Path(config.root).is_dir():
        yield f"root {config.root} is not a folder"
    for key, value, known in _choices(config):
        if value not in known:
            yield f"{key}: {value!r} is not one of {', '.join(known)}"
    for key in POSITIVE:
        if not 0 < (number := attrgetter(key)(config)) < math.inf:
            yield f"{key} is {number}; it is more than 0"
    for key in SHARES:
        if not 0 <= (share := attrgetter(key)(config)) <= 1:
            yield f"{key} is {share}; it is a share, 0 to 1"


def _choices(config: Config) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Keys that choose by name: key, value, and the names there are."""
    for i, source in enumerate(config.source):
        yield f"source.{i}.kind", source.kind, tuple(recordings.kinds_by_name())
    for i, robot in enumerate(config.robot):
        yield f"robot.{i}.kind", robot.kind, tuple(logs.kinds_by_name())
    for i, detector in enumerate(config.detect.detectors):
        yield f"detect.detectors.{i}", detector, tuple(known.name for known in DETECTORS)
    yield "captions.backend", config.captions.backend, tuple(backend.name for backend in BACKENDS)
