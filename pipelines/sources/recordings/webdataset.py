"""WebDataset: a tar (or a folder or S3 prefix of tars) of samples `<key>.mp4`, `<key>.json`, `<key>.txt`.

    [[source]]
    kind = "webdataset"
    uri = "s3://bucket/cooking"          # or one tar, or a local folder
    stage = "web"
    licence = "CC-BY-4.0"

    cooking/shard-00000.tar
        000000.mp4
        000000.json                      {"caption": "Opens the jar.", "licence": "CC0-1.0"}
        000000.txt                       the caption, where the JSON has none
        000001.mp4 ...

A key is the name up to the first dot of its last part, as in WebDataset: `0.left.mp4` and `0.right.mp4` are two
recordings that share `0.json`. What a JSON sidecar may hold says folder.py. Plain tars and zips cost their headers
and sidecars when they are listed; `.tar.gz` and `.tar.bz2` cost all of themselves. What else a tar holds (pictures,
classes, arrays) is passed over; a member that may not be read is one reject, a broken tail is one.

An item's revision is its archive's, its place and its size: where an archive is written anew all its members are new
revisions, which costs fetching them again and, for the same bytes, no decode. Nothing cheaper is sound: a member of
the same name, place and size may hold other bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from infra.archives import reader as archives
from infra.archives.tar import Member
from infra.storage.objects import ObjectInfo
from pipelines.sources.recordings import folder
from pipelines.sources.recordings.base import MEDIA_SUFFIXES, Item, Source, SourceKind
from schemas.errors import BadMedia


@dataclass(frozen=True, slots=True)
class Sample:
    """One recording in an archive with its sidecars' bytes by suffix (".json", ".txt"). bad: why it is refused."""

    member: Member
    sidecars: dict[str, bytes]
    bad: tuple[str, str] | None = None


def list_items(source: Source) -> Iterator[Item]:
    """Recordings of all archives, in order of archive and place. UsageError where there is nothing at all."""
    for info in archives_at(source.uri):
        for sample in samples(info):
            fields: dict[str, Any] = {}
            bad = sample.bad
            try:
                for suffix in (".txt", ".json"):  # what the JSON says outranks the text
                    if bad is None and suffix in sample.sidecars:
                        fields |= folder.said_in(sample.sidecars[suffix], suffix)
            except BadMedia as e:
                bad = (e.reason, e.detail)
            yield item(source, info, sample.member, fields, bad)


def archives_at(uri: str) -> list[ObjectInfo]:
    """The archive that the URI names, or all below it."""
    return [info for info in folder.listing(uri).values() if archives.is_archive(info.uri)]


def samples(info: ObjectInfo) -> Iterator[Sample]:
    """Recordings of one archive, and one bad sample for each member that may not be read."""
    try:
        with archives.open_archive(info.uri) as archive:
            members = list(archive.members())
            by_name = {member.name: member for member in members}
            for member in members:
                if member.bad is not None:
                    yield Sample(member, {}, member.bad)
                elif _suffix(member.name) in MEDIA_SUFFIXES and by_name[member.name] is member:
                    yield _sample(archive, member, by_name)
    except FileNotFoundError:  # gone since the listing
        return


def _sample(archive: archives.Archive, member: Member, by_name: dict[str, Member]) -> Sample:
    sidecars: dict[str, bytes] = {}
    try:
        for suffix in (".json", ".txt"):
            beside = next((by_name[n + suffix] for n in _keys(member.name) if n + suffix in by_name), None)
            if beside is None:
                continue
            if beside.bad is not None:
                raise BadMedia("bad_sidecar", f"{beside.name}: {beside.bad[0]}")
            if beside.size_bytes > folder.SIDECAR_BYTES:
                raise BadMedia("bad_sidecar", f"{beside.size_bytes} bytes; the limit is {folder.SIDECAR_BYTES}")
            sidecars[suffix] = archive.read(beside, folder.SIDECAR_BYTES)
    except BadMedia as e:
        return Sample(member, {}, (e.reason, e.detail))
    return Sample(member, sidecars)


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _keys(name: str) -> list[str]:
    """Names without suffix that its sidecars may have, the fullest first."""
    parent, _, last = name.rpartition("/")
    key = last.partition(".")[0]
    whole = name[: -len(PurePosixPath(name).suffix)]
    return [name, whole, f"{parent}/{key}" if parent else key]


def item(
    source: Source, info: ObjectInfo, member: Member, stated: dict[str, Any], bad: tuple[str, str] | None = None
) -> Item:
    """The item of a member, with what the source says and what is stated of it, which outranks the source."""
    name = member.name or f"#byte={member.offset}"
    uri = f"{info.uri}{archives.MEMBER_MARK}{name}"
    if (text := uri.encode(errors="backslashreplace").decode()) != uri:
        uri, bad = text, bad or ("bad_name", "the member's name is not UTF-8; rename it")
    elif archives.split_member(uri) != (info.uri, name):
        bad = bad or ("bad_name", "a folder's name ends like an archive's with `!`; rename it")
    fields = {
        "stage": source.stage,
        "licence": source.licence,
        "consent": source.consent,
        "wearer": source.wearer,
        "site": source.site,
    }
    return Item(
        uri=uri, revision=f"{info.etag}+{member.offset:x}+{member.size_bytes:x}", modified_ns=info.modified_ns,
        size_bytes=member.size_bytes, bad=bad, **fields | stated,
    )  # fmt: skip


KIND = SourceKind("webdataset", list_items)
