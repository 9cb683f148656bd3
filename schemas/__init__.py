"""The nouns: rows, keys, spans, errors. Imports nothing of ours."""

from schemas.media import Asset, Caption, Clip, Common, Decision, Duplicate, Hands, Marks, Posting, Proxy, Reject
from schemas.robot import Episode, Step
from schemas.turns import Release, Trigger

# Every table and the row it holds; the row's first field is the table's key.
TABLES: dict[str, type] = {
    "assets": Asset,
    "clips": Clip,
    "proxies": Proxy,
    "postings": Posting,
    "commons": Common,
    "marks": Marks,
    "duplicates": Duplicate,
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
    "Common",
    "Decision",
    "Duplicate",
    "Episode",
    "Hands",
    "Marks",
    "Posting",
    "Proxy",
    "Reject",
    "Release",
    "Step",
    "Trigger",
]
