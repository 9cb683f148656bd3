"""Where a key stands in a config file, and what it might have meant."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import get_args, get_type_hints

from pydantic import BaseModel

from orchestration.config.sections import Config

Loc = tuple[str | int, ...]
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"\s*([\w.\-\"']+)\s*=")
CLOSE = 0.5  # of difflib's ratio: `cron` means `ingest_cron`
LISTED = 8


def line_of(text: str, loc: Loc) -> int | None:
    """Number of the line of TOML on which a key stands, or what it lies in; None where nothing of it does.

    loc: names, and a number for each table of a `[[...]]`.
    """
    lines = _lines(text)
    parts = tuple(map(str, loc))
    return next((lines[parts[:n]] for n in range(len(parts), 0, -1) if parts[:n] in lines), None)


def _lines(text: str) -> dict[tuple[str, ...], int]:
    """The first line of each key and section, by their names."""
    lines: dict[tuple[str, ...], int] = {}
    tables: Counter[tuple[str, ...]] = Counter()
    section: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            section = _section(_names(header[2]), tables, is_one_of_many=header[1] == "[[")
            lines.setdefault(section, number)
        elif key := _KEY.match(line):
            lines.setdefault((*section, *_names(key[1])), number)
    return lines


def _section(names: Sequence[str], tables: Counter[tuple[str, ...]], *, is_one_of_many: bool) -> tuple[str, ...]:
    """A header's names, with a number behind each that is a `[[...]]`: of the one that stands last."""
    section: tuple[str, ...] = ()
    for i, name in enumerate(names):
        section += (name,)
        if is_one_of_many and i == len(names) - 1:
            tables[section] += 1
        if tables[section]:
            section += (str(tables[section] - 1),)
    return section


def _names(dotted: str) -> list[str]:
    return [name.strip().strip("\"'") for name in dotted.split(".")]


def keys_beside(loc: Loc) -> list[str]:
    """The keys that there are where this one stands; none where that is no section."""
    section: object = Config
    for name in loc[:-1]:
        if isinstance(name, int):
            continue
        hints = get_type_hints(section) if isinstance(section, type) else {}
        section = hints.get(name)
        section = next((a for a in get_args(section) if isinstance(a, type) and a is not type(None)), section)
    if isinstance(section, type) and issubclass(section, BaseModel):
        return list(section.model_fields)
    return [f.name for f in fields(section)] if isinstance(section, type) and is_dataclass(section) else []


def meant(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'folder'?`, or the few that there are; nothing where neither helps."""
    names = list(known)
    if close := difflib.get_close_matches(word, names, n=1, cutoff=CLOSE):
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(names)}" if 0 < len(names) <= LISTED else ""
