"""Sources of recordings: a kind is one file here and one line in KINDS."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from infra.web import Client
from pipelines.hop import Progress
from pipelines.sources.recordings import (
    ego4d,
    ego_exo4d,
    egocentric_10k,
    egodex,
    epic_kitchens,
    feed,
    folder,
    hd_epic,
    hot3d,
    sim,
    sitemap,
    url_list,
    webdataset,
)
from pipelines.sources.recordings.base import STAGES, Crawl, Item, Narration, Source, SourceKind
from schemas.errors import UsageError

KINDS = (
    folder.KIND,
    url_list.KIND,
    webdataset.KIND,
    egocentric_10k.KIND,
    hot3d.KIND,
    hd_epic.KIND,
    sim.KIND,
    epic_kitchens.KIND,
    ego4d.KIND,
    ego_exo4d.KIND,
    egodex.KIND,
    feed.KIND,
    sitemap.KIND,
)


def kinds_by_name() -> dict[str, SourceKind]:
    """Every kind by its name, and by the name that it had."""
    return {name: kind for kind in KINDS for name in (kind.name, kind.alias) if name is not None}


def kind_of(name: str) -> SourceKind:
    """UsageError: there is no such kind."""
    kinds = kinds_by_name()
    if name not in kinds:
        raise UsageError(f"source kind {name!r} is not one of {', '.join(kinds)}")
    return kinds[name]


def prepare(sources: Iterable[Source], progress: Progress) -> None:
    """Makes those sources that must be made before they can be listed."""
    for source in sources:
        if (make := kind_of(source.kind).prepare) is not None:
            make(source.uri, progress)


def list_items(sources: Iterable[Source], crawl: Crawl | None = None) -> Iterator[Item]:
    """What the sources offer now; a sidecar is not read yet. crawl: how those of the web are listed."""
    crawl = crawl or Crawl(Client())
    for source in sources:
        for item in kind_of(source.kind).items(source, crawl):
            yield item if item.sidecar is None else replace(item, kind=source.kind)


def resolve_sidecars(items: Sequence[Item]) -> list[Item]:
    """The items with what their sidecars say; with them may come others that say what could not be used."""
    out = [item for item in items if item.sidecar is None]
    for name in dict.fromkeys(item.kind for item in items if item.sidecar is not None):
        if (resolve := kind_of(name).resolve) is not None:
            out += resolve([item for item in items if item.sidecar is not None and item.kind == name])
    return out


__all__ = [
    "KINDS",
    "STAGES",
    "Crawl",
    "Item",
    "Narration",
    "Source",
    "SourceKind",
    "kind_of",
    "kinds_by_name",
    "list_items",
    "prepare",
    "resolve_sidecars",
]
