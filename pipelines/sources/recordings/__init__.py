"""Sources of recordings: a kind is one file here and one line in READERS."""

from collections.abc import Callable

from pipelines.hop import Progress
from pipelines.sources.recordings import (
    ego4d,
    ego_exo4d,
    egocentric_10k,
    egodex,
    epic_kitchens,
    folder,
    hd_epic,
    hot3d,
    sim,
    url_list,
    webdataset,
)
from pipelines.sources.recordings.base import STAGES, Item, Narration, Reader, Source, whole

READERS: dict[str, Reader] = {
    "folder": folder.read,
    "url_list": url_list.read,
    "webdataset": webdataset.read,
    "egocentric_10k": egocentric_10k.read,
    "hot3d": hot3d.read,
    "hd_epic": hd_epic.read,
    "sim": sim.read,
    "epic_kitchens": epic_kitchens.read,
    "ego4d": ego4d.read,
    "ego_exo4d": ego_exo4d.read,
    "egodex": egodex.read,
    "world": sim.read,  # the name that sim had
}

# Kinds that must be made before they can be listed.
PREPARE: dict[str, Callable[[str, Progress], None]] = {"sim": sim.prepare, "world": sim.prepare}

__all__ = ["PREPARE", "READERS", "STAGES", "Item", "Narration", "Reader", "Source", "whole"]
