"""A robot's recordings whose licence or consent is said otherwise than before: rows that are newer than those."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pipelines.corpus.stated import MARK, ROBOT, base_revision, newest_stated
from pipelines.hop import Run
from pipelines.media import log_pictures
from schemas import Asset
from schemas.arrow import rows_of
from schemas.keys import asset_key


@dataclass(frozen=True, slots=True)
class Terms:
    """What a `[[robot]]` says of its recordings."""

    licence: str | None
    consent: str | None


def restated_media(run: Run, terms: Mapping[str, Terms], recipe: str) -> list[Asset]:
    """Assets of a robot's recordings whose licence or consent is said otherwise now: rows to be added.

    terms: by uri, of a recording or of the log that it lies in.
    """
    newest, taken = newest_stated(run, f"recipe = '{recipe}' and stage = '{ROBOT}'")
    changed = [
        asset.asset_id
        for uri, asset in newest.items()
        if (now := _of(uri, terms)) is not None and now != Terms(asset.licence, asset.consent)
    ]
    rows = rows_of(Asset, run.store.read_keys("assets", "asset_id", sorted(changed)))
    return [_later(row, now, taken, run.run_id) for row in rows if (now := _of(row.uri, terms)) is not None]


def _of(uri: str, terms: Mapping[str, Terms]) -> Terms | None:
    pictures = log_pictures.split(uri)
    return terms.get(uri if pictures is None else pictures[0])


def _later(row: Asset, terms: Terms, taken: Counter[tuple[str, str]], run_id: str) -> Asset:
    base = base_revision(row.revision)
    revision = f"{base}{MARK}{taken[row.uri, base]}"
    return replace(
        row,
        asset_id=asset_key(row.uri, revision, row.recipe, robot=True),
        revision=revision,
        modified_ns=row.modified_ns + 1,
        run_id=run_id,
        licence=terms.licence,
        consent=terms.consent,
    )
