"""Names that keys of handwheel.toml had: they keep working, and nobody is told of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from pydantic import BaseModel

from orchestration.config.sections import Config
from schemas.errors import UsageError

# Dotted keys by the names they had. An old section comes before the keys in it.
RENAMED = {
    "look": "detect",
    "trigger.new_hours_fraction": "trigger.new_hours_share",
    "ingest.least_rejects": "ingest.min_rejects",
}


def move_old_keys(plain: dict[str, object]) -> None:
    """Moves values of old keys to the keys' names now. UsageError where both are there."""
    for old, new in RENAMED.items():
        _move(plain, old, new)
    for old, new in stored_names(Config()):
        _move(plain, old, new)


def stored_names(section: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Old and new dotted key of each option that digests hold under the name it had (`schemas.keys.stored_as`)."""
    names = list(type(section).model_fields) if isinstance(section, BaseModel) else []
    if is_dataclass(section):
        names = [field.name for field in fields(section)]
        for field in fields(section):
            if "stored" in field.metadata:
                yield f"{prefix}{field.metadata['stored']}", f"{prefix}{field.name}"
    for name in names:
        yield from stored_names(getattr(section, name), f"{prefix}{name}.")


def _move(plain: dict[str, object], old: str, new: str) -> None:
    *path, last = old.split(".")
    section: object = plain
    for name in path:
        section = section.get(name) if isinstance(section, dict) else None
    if not isinstance(section, dict) or last not in section:
        return
    name = new.rpartition(".")[2]
    if name in section:
        raise UsageError(f"config: {old} is the earlier name of {new}; give only one of them")
    section[name] = section.pop(last)
