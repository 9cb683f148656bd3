"""Where robot attempts come from: a format is one file here and one line in KINDS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import fields as fields_of

from pipelines.hop import Progress
from pipelines.sources.logs import (
    agibot,
    aloha,
    droid_ctrlworld,
    droid_raw,
    lerobot,
    mcap,
    one_x,
    oopsie,
    plain_log,
    rlds,
    roboarena,
    robomimic,
    robomind,
    rosbag1,
    rosbag2,
    sim,
    xr_teleoperate,
    zarr_replay,
)
from pipelines.sources.logs.base import MAX_SHIFT, SURPLUS, LogColumns, LogKind, LogOptions
from pipelines.sources.logs.episode_log import COLLECT_MODES, MAX_RATE_HZ, SAFE_NAME
from schemas.errors import UsageError

KINDS = (
    plain_log.KIND,
    lerobot.KIND,
    rlds.KIND,
    xr_teleoperate.KIND,
    zarr_replay.KIND,
    one_x.KIND,
    rosbag2.KIND,
    mcap.KIND,
    rosbag1.KIND,
    robomimic.KIND,
    aloha.KIND,
    agibot.KIND,
    robomind.KIND,
    oopsie.KIND,
    droid_raw.KIND,
    droid_ctrlworld.KIND,
    roboarena.KIND,
    sim.KIND,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RobotSource(LogOptions):
    """A place with robot logs of one format. kind: the name of one of KINDS; uri: a folder or an S3 prefix."""

    kind: str
    uri: str
    name: str | None = None  # of its attempts' namespace: part of their identity
    licence: str | None = None
    consent: str | None = None
    site: str | None = None

    def __post_init__(self) -> None:
        """ValueError: a value that no reader takes."""
        if self.surplus not in (None, *SURPLUS):
            raise ValueError(f"surplus is {self.surplus!r}, not one of {', '.join(SURPLUS)}")
        if self.shift is not None and abs(self.shift) > MAX_SHIFT:
            raise ValueError(f"shift is {self.shift} frames; it is at most {MAX_SHIFT} either way")
        if self.collect_mode not in (None, *COLLECT_MODES):
            raise ValueError(f"collect_mode is {self.collect_mode!r}, not one of {', '.join(sorted(COLLECT_MODES))}")
        if self.fps_hz is not None and not 0 < self.fps_hz <= MAX_RATE_HZ:
            raise ValueError(f"fps_hz is {self.fps_hz}; it is more than 0 and at most {MAX_RATE_HZ}")
        for what, name in (("name", self.name), ("embodiment", self.embodiment)):
            if name is not None and not SAFE_NAME.fullmatch(name):
                raise ValueError(f"{what} {name[:80]!r} is not 1 to 128 letters, digits, `_`, `-` and single dots")


def kinds_by_name() -> dict[str, LogKind]:
    """Every format by its name, and by the name that it had."""
    return {name: kind for kind in KINDS for name in (kind.name, kind.alias) if name is not None}


def kind_of(name: str) -> LogKind:
    """UsageError: there is no such format."""
    kinds = kinds_by_name()
    if name not in kinds:
        raise UsageError(f"robot kind {name!r} is not one of {', '.join(kinds)}")
    return kinds[name]


def check_columns(source: RobotSource) -> None:
    """UsageError: the `[[robot]]` says where something is that readers of its format do not look for."""
    kind = kind_of(source.kind)
    if untaken := [name for name in source.columns.named() if name not in kind.columns]:
        taken = ", ".join(name for name in (f.name for f in fields_of(LogColumns)) if name in kind.columns)
        raise UsageError(
            f"[[robot]] {source.uri}: columns.{untaken[0]} means nothing to kind {kind.name!r}, "
            f"which takes {taken or 'no columns'}; take it out of handwheel.toml"
        )


def prepare(sources: Iterable[RobotSource], progress: Progress) -> None:
    """Makes those logs that must be made before they can be listed."""
    for source in sources:
        if (make := kind_of(source.kind).prepare) is not None:
            make(source.uri, progress)
