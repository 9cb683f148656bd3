"""The nouns: rows, keys, spans, errors. Imports nothing of ours."""

from schemas.captions import Caption
from schemas.decisions import Decision
from schemas.duplicates import Common, Duplicate, Marks, Posting
from schemas.episodes import Episode, Step
from schemas.hands import Hands
from schemas.recordings import SIGNALS, Asset, Clip, Proxy
from schemas.rejects import Reject
from schemas.releases import Release
from schemas.triggers import Trigger

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
    "SIGNALS",
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
