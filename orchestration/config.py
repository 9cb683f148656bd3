"""handwheel.toml: one typed file. Defaults live in the rooms' own option classes; this file only composes them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from filters.policy import Policy
from infra import objects
from orchestration.rules import TriggerOptions
from pipelines.caption_writer import BACKENDS, CaptionOptions
from pipelines.hop import Beam, Ray
from pipelines.ingest import IngestOptions
from pipelines.look import LookOptions, detector_version
from pipelines.sources import READERS, Source
from pipelines.sources.robot import READERS as ROBOT_READERS
from pipelines.sources.robot import RobotSource
from pipelines.views import PublishOptions
from schemas.errors import UsageError


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
    look: LookOptions = LookOptions()
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
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as e:
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
    policy = plain.get("policy")
    if isinstance(policy, dict):
        policy.setdefault("detector", detector_version())
    try:
        config = Config.model_validate(plain)
    except (ValidationError, TypeError) as e:
        raise UsageError(_why(e)) from e
    _check_kinds(config)
    return (
        config if objects.is_s3(config.root) else config.model_copy(update={"root": str(Path(config.root).resolve())})
    )


def _check_kinds(config: Config) -> None:
    known: tuple[tuple[str, Any, Iterable[str]], ...] = (
        ("source", config.source, READERS),
        ("robot", config.robot, ROBOT_READERS),
    )
    for section, places, kinds in known:
        for i, place in enumerate(places):
            if place.kind not in kinds:
                raise UsageError(f"config: {section}.{i}.kind: {place.kind!r} is none of {', '.join(kinds)}")
    if config.captions.backend not in BACKENDS:
        raise UsageError(f"config: captions.backend: {config.captions.backend!r} is none of {', '.join(BACKENDS)}")


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
kind = "folder"                       # folder, url_list
uri = "media"
stage = "ego"                         # web, ego
# licence = "CC-BY-4.0"

# [[robot]]
# kind = "plain_log"                  # plain_log, lerobot
# uri = "logs"

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
