"""`handwheel why`: the life of a clip, asset or episode, from the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from orchestration import turn as turns
from orchestration.cli.life import Life, life_of
from orchestration.cli.life_attempts import attempts_named
from orchestration.cli.life_rows import EpisodeFacts
from orchestration.cli.options import ConfigFile, Json, Root, Sets, load, output


def command(
    subject: Annotated[str, typer.Argument(help="id of a clip, span, asset or episode; episode's name, sha256 or URI")],
    config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Show the rows of one clip, asset or episode: source, signals, verdict, captions, releases."""
    settings = load(config, sets, root)
    with output(as_json) as tell:
        store = turns.context_of(settings).run.store
        if len(several := attempts_named(store, subject)) > 1:
            tell({"which": _question(several), "episodes": list(map(asdict, several))} if as_json else which(several))
            return
        life = life_of(store, subject, turns.recipe(settings), settings.policy.digest)
        tell(life.plain() if as_json else as_text(life))


def which(attempts: Sequence[EpisodeFacts]) -> str:
    """Attempts of one name for people, each with the id that tells it, and the question which of them is meant."""
    lines = [
        f"  {e.episode_id}  {e.namespace or '?'}/{e.name}  {e.outcome}  {e.uri}"
        + (f"  (copy of {e.copy_of})" if e.copy_of else "  (withdrawn)" if e.withdrawn else "")
        for e in attempts
    ]
    return "\n".join([_question(attempts), *lines])


def _question(attempts: Sequence[EpisodeFacts]) -> str:
    return f"{len(attempts)} attempts are called {attempts[0].name}; which one? Run `handwheel why ID`, by its id:"


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
