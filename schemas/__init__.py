"""The nouns: rows, keys, spans, errors. Imports nothing of ours."""

from schemas.captions import Caption
from schemas.decisions import Decision
from schemas.duplicates import Compared, CrowdedKey, Duplicate, IndexEntry
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
    "postings": IndexEntry,
    "commons": CrowdedKey,
    "marks": Compared,
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
    "Compared",
    "CrowdedKey",
    "Decision",
    "Duplicate",
    "Episode",
    "Hands",
    "IndexEntry",
    "Proxy",
    "Reject",
    "Release",
    "Step",
    "Trigger",
]
