"""handwheel.toml: one typed file. Defaults live in the rooms' own option classes; this file only composes them."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from filters.cuts import CutOptions
from filters.policies.policy import Policy
from infra.storage import objects
from orchestration.trigger.options import TriggerOptions
from pipelines.caption.worker import BACKENDS, CaptionOptions
from pipelines.detect.hop import DetectOptions, detector_version
from pipelines.hop import Beam, Ray
from pipelines.publish.selection import PublishOptions
from pipelines.sources import logs as robot
from pipelines.sources.logs import RobotSource
from pipelines.sources.recordings import READERS, Source
from pipelines.staging.options import IngestOptions
from schemas.errors import UsageError


def _renamed(section: str, options: type) -> dict[str, str]:
    """Keys of a section by the names that digests still hold, and files may."""
    keys = {f.metadata["stored"]: f.name for f in fields(options) if "stored" in f.metadata}
    return {f"{section}.{stored}": f"{section}.{name}" for stored, name in keys.items()}


# Names that keys of the file had: they keep working, and nobody is told of them.
ALIASES = {
    "look": "detect",
    "trigger.new_hours_fraction": "trigger.new_hours_share",
    **_renamed("policy", Policy),
    **_renamed("ingest.cutting.cut", CutOptions),
}


class Strict(BaseModel):
    """A section: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Engines(Strict):
    """[engines.beam] and [engines.ray]."""

    beam: Beam = Beam()
    ray: Ray = Ray()


class Schedule(Strict):
    """When the hops run by themselves under `handwheel serve`."""

    ingest_cron: str = "0 2 * * *"


class Config(Strict):
    """The whole of handwheel.toml."""

    root: str = "corpus"
    salt_env: str = "HANDWHEEL_SALT"  # names the variable that salts wearer, robot and site ids
    lease_wait_s: float = 0.0
    source: tuple[Source, ...] = ()
    robot: tuple[RobotSource, ...] = ()
    ingest: IngestOptions = IngestOptions()
    detect: DetectOptions = DetectOptions()
    policy: Policy = Field(default_factory=lambda: Policy(detector=detector_version()))
    captions: CaptionOptions = CaptionOptions()
    publish: PublishOptions = PublishOptions()
    trigger: TriggerOptions = TriggerOptions()
    engines: Engines = Engines()
    schedule: Schedule = Schedule()


def load(path: Path | None, sets: list[str], root: str | None) -> Config:
    """The config of a file (or the defaults), with `a.b=c` settings and a root on top. UsageError says what is wrong.

    Relative paths in the file are relative to the file.
    """
    plain: dict[str, Any] = {}
    if path is not None:
        try:
            plain = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as e:
            raise UsageError(f"{path} is not there; `handwheel init` writes one") from e
        except (OSError, ValueError) as e:  # a folder, not UTF-8, not TOML
            raise UsageError(f"{path}: {e}") from e
        base = path.resolve().parent
        plain.setdefault("root", Config.model_fields["root"].default)
        for place in [plain, *_list(plain.get("source")), *_list(plain.get("robot"))]:
            for key in ("root", "uri"):
                if isinstance(place.get(key), str) and "://" not in place[key]:
                    place[key] = str(base / place[key])
    for setting in sets:
        _set(plain, setting)
    if root is not None:
        plain["root"] = root
    for old, new in ALIASES.items():
        _rename(plain, old, new)
    policy = plain.get("policy")
    if isinstance(policy, dict):
        policy.setdefault("detector", detector_version())
    try:
        config = Config.model_validate(plain)
    except (ValidationError, TypeError) as e:
        raise UsageError(_why(e)) from e
    if wrong := list(_impossible(config)):
        raise UsageError("config: " + "; ".join(wrong))
    return (
        config if objects.is_s3(config.root) else config.model_copy(update={"root": str(Path(config.root).resolve())})
    )


def _rename(plain: dict[str, Any], old: str, new: str) -> None:
    """Moves the value of a key's old dotted name to its new one. UsageError where both are there."""
    *path, last = old.split(".")
    for name in path:
        if not isinstance(plain := plain.get(name, {}), dict):
            return
    if last not in plain:
        return
    name = new.rpartition(".")[2]
    if name in plain:
        raise UsageError(f"config: {old} is what {new} was called before; give one of the two")
    plain[name] = plain.pop(last)


def _impossible(config: Config) -> Iterator[str]:
    """What no hop could work with, told before the first one starts."""
    if not objects.is_s3(config.root) and Path(config.root).exists() and not Path(config.root).is_dir():
        yield f"root {config.root} is no folder"
    named = [(f"source.{i}.kind", s.kind, tuple(READERS)) for i, s in enumerate(config.source)]
    named += [(f"robot.{i}.kind", r.kind, tuple(robot.READERS)) for i, r in enumerate(config.robot)]
    named += [("captions.backend", config.captions.backend, BACKENDS)]
    for key, value, known in named:
        if value not in known:
            yield f"{key}: {value!r} is none of {', '.join(known)}"
    cutting, publish = config.ingest.cutting, config.publish
    positive = {
        "ingest.cutting.proxy_hz": cutting.proxy_hz, "ingest.cutting.proxy_long_side_px": cutting.proxy_long_side_px,
        "ingest.cutting.cut.longest_s": cutting.cut.longest_s, "ingest.batch_bytes": config.ingest.batch_bytes,
        "ingest.batch_items": config.ingest.batch_items, "detect.batch_clips": config.detect.batch_clips,
        "policy.longest_span_s": config.policy.longest_span_s, "captions.batch_size": config.captions.batch_size,
        "publish.wm_long_side_px": publish.wm_long_side_px, "publish.idm_long_side_px": publish.idm_long_side_px,
        "ingest.fetch.host_connections": config.ingest.fetch.host_connections,
        "ingest.fetch.host_requests_per_s": config.ingest.fetch.host_requests_per_s,
        "ingest.fetch.attempts": config.ingest.fetch.attempts,
        "publish.wm_fps_hz": publish.wm_fps_hz, "publish.batch_recordings": publish.batch_recordings,
    }  # fmt: skip
    for key, number in positive.items():
        if not 0 < number < math.inf:
            yield f"{key} is {number}; it is more than 0"
    shares = {"publish.val_share": publish.val_share, "ingest.max_reject_share": config.ingest.max_reject_share}
    for key, share in shares.items():
        if not 0 <= share <= 1:
            yield f"{key} is {share}; it is a share, 0 to 1"


def _list(value: Any) -> list[dict[str, Any]]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _set(plain: dict[str, Any], setting: str) -> None:
    key, eq, value = setting.partition("=")
    if not eq:
        raise UsageError(f"--set {setting!r}: it is a.b=value")
    *path, last = key.split(".")
    for name in path:
        plain = plain.setdefault(name, {})
        if not isinstance(plain, dict):
            raise UsageError(f"--set {setting!r}: {name} is no section")
    try:
        plain[last] = tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        plain[last] = value


def _why(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return f"config: {error}"
    lines = [f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors()[:5]]
    return "config: " + "; ".join(lines)


def commented() -> str:
    """The text of a new handwheel.toml: what one sets first, with every default of the policy shown."""
    policy = "\n".join(_commented(Policy))
    return TEMPLATE.replace("@POLICY@", policy)


def _commented(section: Any) -> list[str]:
    assert is_dataclass(section)
    return [
        f"# {f.name} = {f.default!r}{'  # ' + f.metadata['doc'] if f.metadata.get('doc') else ''}"
        for f in fields(section)
        if isinstance(f.default, int | float | str)
    ]


TEMPLATE = """\
# Handwheel: what comes in, and where it goes. Relative paths are relative to this file.
root = "corpus"                       # a folder or s3://bucket/prefix

[[source]]
kind = "folder"                       # url_list, webdataset, ego4d, ...: docs/sources.md has them all
uri = "media"
stage = "ego"                         # web, ego
# licence = "CC-BY-4.0"

# [[robot]]
# kind = "plain_log"                  # plain_log, lerobot
# uri = "logs"

# [ingest.cutting]
# blur_faces = ["ego"]                # web, ego, robot: whose faces are blurred; docs/privacy.md

[captions]
backend = "grounded"                  # grounded, openai, transformers

# [trigger]
# command = "python train.py --pin {pin}"

[policy]
@POLICY@

# [engines.beam]
# runner = "embedded"                 # or FlinkRunner, DataflowRunner, PortableRunner with their flags
# flags = []
# [engines.ray]
# address = "local"
"""
