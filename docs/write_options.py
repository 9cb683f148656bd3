"""Writes docs/options.md: every option of handwheel.toml, its default, and what stands beside it in the code."""

from __future__ import annotations

import inspect
import io
import json
import tokenize
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from orchestration.config import Config

PAGE = "docs/options.md"
# Versions of the code: a user does not set them.
SET_BY_CODE = {"ingest.cutting.generation", "ingest.cutting.versions", "policy.detector"}
HEAD = """# Options

Every option of `handwheel.toml`, its default, and what stands beside it in the code, by section. `make docs` writes
this page, and a test says when it is stale. [config.md](config.md) says what the sections are for. "Ours" marks a
number that was chosen for Handwheel and is in no paper or other tool.
"""


def options(section: Any, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    """Key, default and meaning of every option below a section: its own in the code's order, then its sections'."""
    kind = type(section)
    names = list(kind.model_fields) if isinstance(section, BaseModel) else [f.name for f in fields(section)]
    values = {name: getattr(section, name) for name in names}
    below = {name: value for name, value in values.items() if isinstance(value, BaseModel) or is_dataclass(value)}
    for name in names:
        if name not in below and (key := prefix + name) not in SET_BY_CODE:
            yield key, values[name], documented(kind).get(name) or commented(kind).get(name, "")
    for name, value in below.items():
        yield from options(value, f"{prefix}{name}.")


@cache
def documented(kind: type) -> dict[str, str]:
    """Docs that a class keeps in its fields' metadata."""
    return {f.name: f.metadata.get("doc", "") for f in fields(kind)} if is_dataclass(kind) else {}


@cache
def commented(kind: type) -> dict[str, str]:
    """Comments behind a class's fields, or on the lines before one that has none behind it."""
    meanings: dict[str, str] = {}
    above: list[str] = []
    line: list[tokenize.TokenInfo] = []
    for token in tokenize.generate_tokens(io.StringIO(inspect.getsource(kind)).readline):
        if token.type == tokenize.COMMENT and not line:
            above.append(token.string.lstrip("# "))
        elif token.type == tokenize.NEWLINE:
            names = [t.string for t in line if t.type == tokenize.NAME]
            behind = [t.string.lstrip("# ") for t in line if t.type == tokenize.COMMENT]
            if len(line) > 1 and line[1].string == ":" and names:
                meanings[names[0]] = " ".join(behind or above)
            above, line = [], []
        elif token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT):
            line.append(token)
    return meanings


def shown(value: Any) -> str:
    """A default as one writes it in TOML; none where there is none."""
    if value is None or value == ():
        return "none"
    if isinstance(value, dict):
        return "`{ " + ", ".join(f"{k} = {v}" for k, v in value.items()) + " }`"
    return f"`{json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)}`"


def written() -> str:
    """The page."""
    text, heading = HEAD, ""
    for key, value, meaning in options(Config()):
        section = key.rpartition(".")[0]
        if section != heading or text == HEAD:
            heading = section
            title = f"[{section}]" if section else "At the top"
            text += f"\n## {title}\n\n| option | default | what it is |\n|---|---|---|\n"
        text += f"| `{key.rpartition('.')[2]}` | {shown(value)} | {meaning.replace('|', '/')} |\n"
    return text


if __name__ == "__main__":
    (Path(__file__).resolve().parents[1] / PAGE).write_text(written())
