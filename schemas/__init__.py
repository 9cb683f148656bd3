"""The nouns: rows, keys, spans, errors. Imports nothing of ours."""

from schemas.media import Asset, Caption, Clip, Decision, Hands, Proxy, Reject
from schemas.robot import Episode, Step
from schemas.turns import Release, Trigger

# Every table and the row it holds; the row's first field is the table's key.
TABLES: dict[str, type] = {
    "assets": Asset,
    "clips": Clip,
    "proxies": Proxy,
    "hands": Hands,
    "decisions": Decision,
    "captions": Caption,
    "episodes": Episode,
    "steps": Step,
    "rejects": Reject,
    "releases": Release,
    "triggers": Trigger,
}

__all__ = [
    "TABLES",
    "Asset",
    "Caption",
    "Clip",
    "Decision",
    "Episode",
    "Hands",
    "Proxy",
    "Reject",
    "Release",
    "Step",
    "Trigger",
]
