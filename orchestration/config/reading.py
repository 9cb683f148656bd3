"""A config from a file, settings of the command line and a root."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from infra.storage import objects
from orchestration.config.aliases import move_old_keys
from orchestration.config.hints import keys_beside, line_of, meant
from orchestration.config.impossible import Wrong, impossible
from orchestration.config.sections import Config
from pipelines.detect.detectors import detector_version
from schemas.errors import UsageError


def load(path: Path | None, settings: Sequence[str], root: str | None) -> Config:
    """The config of a file (or the defaults), with `a.b=c` settings and a root on top. UsageError says what is wrong.

    Relative paths in the file are relative to the file.
    """
    text = "" if path is None else _text(path)
    plain = {} if path is None else _parse(path, text)
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
    except ValidationError as e:
        raise UsageError(_message(path, text, map(_wrong, e.errors()[:5]))) from e
    except TypeError as e:
        raise UsageError(f"config: {e}") from e
    if wrong := list(impossible(config)):
        raise UsageError(_message(path, text, wrong))
    if objects.is_s3(config.root):
        return config
    return config.model_copy(update={"root": str(Path(config.root).resolve())})


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as e:
        raise UsageError(f"{path} is not there; `handwheel init` writes one") from e
    except (OSError, ValueError) as e:  # a folder, not UTF-8
        raise UsageError(f"{path}: {e}") from e


def _parse(path: Path, text: str) -> dict[str, object]:
    """The file's keys, with its relative paths made absolute."""
    try:
        plain: dict[str, object] = tomllib.loads(text)
    except ValueError as e:
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


def _wrong(error: ErrorDetails) -> Wrong:
    """What pydantic found, with the value, and what the key may have meant."""
    loc, what = error["loc"], error["msg"]
    if error["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        what = "there is no such key" + meant(str(loc[-1]), keys_beside(loc))
    elif isinstance(error["input"], str | int | float) and error["type"] not in ("missing", "value_error"):
        what += f", and it is {error['input']!r}"
    return Wrong(loc, f": {what}")


def _message(path: Path | None, text: str, wrongs: Iterable[Wrong]) -> str:
    """One line: each key with where it stands, and what is wrong."""
    return "; ".join(f"{_place(path, text, w)}: {'.'.join(map(str, w.loc))}{w.what}" for w in wrongs)


def _place(path: Path | None, text: str, wrong: Wrong) -> str:
    """`handwheel.toml:7`; `config` for what stands in no file."""
    line = line_of(text, wrong.loc)
    return "config" if path is None or line is None else f"{path}:{line}"
