"""`handwheel why`: the life of a clip, asset or episode, from the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from orchestration import turn as turns
from orchestration.cli.life import life_of
from orchestration.cli.life_attempts import attempts_named
from orchestration.cli.life_places import places_ending
from orchestration.cli.life_rows import EpisodeFacts
from orchestration.cli.life_words import as_text
from orchestration.cli.options import ConfigFile, Json, Root, Sets, load, output
from schemas.errors import UsageError


def command(
    subject: Annotated[str, typer.Argument(help="a path or the end of one, an attempt's name, a sha256, or an id")],
    everything: Annotated[bool, typer.Option("--all", help="every row as it is stored, history included")] = False,
    config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Say what became of a recording, clip or attempt, and why: each value beside its limit."""
    settings = load(config, sets, root)
    with output(as_json) as tell:
        store = turns.context_of(settings).run.store
        if len(several := attempts_named(store, subject)) > 1:
            tell({"which": _question(several), "episodes": list(map(asdict, several))} if as_json else which(several))
            return
        recipe, policy = turns.recipe(settings), settings.policy
        life = life_of(store, subject, recipe, policy)
        if life is None and len(places := places_ending(store, subject)) > 1:
            question = f"{len(places)} places end in {subject!r}; which one? Run `handwheel why` with more of its path:"
            tell({"which": question, "places": places} if as_json else "\n  ".join([question, *places]))
            return
        if life is None and places:
            life = life_of(store, places[0], recipe, policy)
        if life is None:
            raise UsageError(
                f"{subject!r} is no path, name or id here, nor the end of a path; `handwheel ledger --by asset` lists "
                "what there is"
            )
        tell(life.plain() if as_json else as_text(life, everything=everything))


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
