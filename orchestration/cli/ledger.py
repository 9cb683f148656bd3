"""`handwheel ledger`: where every second of input went."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration import turn as turns
from orchestration.cli.options import ConfigFile, Json, Root, Sets, load, output
from pipelines.corpus import ledger as books
from schemas.errors import UsageError


def command(
    config: ConfigFile = None, sets: Sets = None, root: Root = None, as_json: Json = False,
    by: Annotated[str | None, typer.Option("--by", help="`asset`: list each recording too")] = None,
) -> None:  # fmt: skip
    """Show where every second of input went: kept, rejected, quarantined, unknown, failed or pending."""
    settings = load(config, sets, root)
    if by not in (None, "asset"):
        raise UsageError(f"--by {by}: the only value is `asset`")
    with output(as_json) as tell:
        store = turns.context_of(settings).run.store
        account, inputs = books.ledger(store, turns.recipe(settings), settings.policy.digest)
        listed = inputs if by else None
        tell(books.as_json(account, listed) if as_json else books.as_text(account, listed or ()))
