"""Sources of recordings: a kind is one file here and one line in READERS."""

from pipelines.sources import folder, url_list
from pipelines.sources.item import STAGES, Item, Narration, Reader, Source

READERS: dict[str, Reader] = {
    "folder": folder.read,
    "url_list": url_list.read,
}

__all__ = ["READERS", "STAGES", "Item", "Narration", "Reader", "Source"]
