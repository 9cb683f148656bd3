"""A config from a file, settings of the command line and a root."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from infra.storage import objects
from orchestration.config.aliases import move_old_keys
from orchestration.config.impossible import impossible
from orchestration.config.sections import Config
from pipelines.detect.detectors import detector_version
from schemas.errors import UsageError


def load(path: Path | None, settings: Sequence[str], root: str | None) -> Config:
    """The config of a file (or the defaults), with `a.b=c` settings and a root on top. UsageError says what is wrong.

    Relative paths in the file are relative to the file.
    """
    plain = _parse(path) if path is not None else {}
    for setting in settings:
        _set(plain, setting)
    if root is not None:
        plain["root"] = root
    move_old_keys(plain)
    policy = plain.get("policy")
    if isinstance(policy, dict):
        policy.setdefault("detector", detector_version())
    try:
        config = Config.model_validate(plain)
    except (ValidationError, TypeError) as e:
        raise UsageError(_message(e)) from e
    if wrong := list(impossible(config)):
        raise UsageError("config: " + "; ".join(wrong))
    if objects.is_s3(config.root):
        return config
    return config.model_copy(update={"root": str(Path(config.root).resolve())})


def _parse(path: Path) -> dict[str, object]:
    """The file's keys, with its relative paths made absolute."""
    try:
        plain: dict[str, object] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as e:
        raise UsageError(f"{path} is not there; `handwheel init` writes one") from e
    except (OSError, ValueError) as e:  # a folder, not UTF-8, not TOML
        raise UsageError(f"{path}: {e}") from e
    plain.setdefault("root", Config.model_fields["root"].default)
    for place in [plain, *_tables_of(plain.get("source")), *_tables_of(plain.get("robot"))]:
        for key in ("root", "uri"):
            uri = place.get(key)
            if isinstance(uri, str) and "://" not in uri:
                place[key] = str(path.resolve().parent / uri)
    return plain


def _tables_of(value: object) -> list[dict[str, object]]:
    """The tables of a `[[...]]`; what else stands there is refused later, by its type."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _set(plain: dict[str, object], setting: str) -> None:
    """Sets `a.b=value`: a TOML value, or text."""
    key, equals, value = setting.partition("=")
    if not equals:
        raise UsageError(f"--set {setting!r}: write it as a.b=value")
    *path, last = key.split(".")
    section = plain
    for name in path:
        below = section.setdefault(name, {})
        if not isinstance(below, dict):
            raise UsageError(f"--set {setting!r}: {name} is not a section")
        section = below
    try:
        section[last] = tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        section[last] = value


def _message(error: Exception) -> str:
    """One line: each key with what is wrong, five at most."""
    if not isinstance(error, ValidationError):
        return f"config: {error}"
    lines = [f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors()[:5]]
    return "config: " + "; ".join(lines)
