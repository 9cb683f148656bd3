"""`handwheel why`: the life of a clip, asset or episode, from the tables."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration import turn as turns
from orchestration.cli.life import Life, life_of
from orchestration.cli.options import ConfigFile, Json, Root, Sets, load, output


def command(
    subject: Annotated[str, typer.Argument(help="id of a clip, span, asset or episode; episode's name, sha256 or URI")],
    config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Show the rows of one clip, asset or episode: source, signals, verdict, captions, releases."""
    settings = load(config, sets, root)
    with output(as_json) as tell:
        store = turns.context_of(settings).run.store
        life = life_of(store, subject, turns.recipe(settings), settings.policy.digest)
        tell(life.plain() if as_json else as_text(life))


def as_text(life: Life) -> str:
    """A life for people: a line a fact."""
    lines = []
    for table, rows in life.plain().items():
        for row in rows:
            facts = ", ".join(f"{k} {_in_words(k, v)}" for k, v in row.items() if v not in (None, [], ""))
            lines.append(f"{table:>10}  {facts}")
    return "\n".join(lines)


def _in_words(name: str, value: object) -> str:
    return f"{value / 1e9:.3f} s" if name.endswith("_ns") and isinstance(value, int) else str(value)
