"""What readers of logs of messages share: their items, their topics, and all of it where each file is an attempt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from infra.readers.message_pictures import is_picture, short_type
from infra.readers.topics import Lost, Recorded, Topic
from infra.storage.objects import ObjectInfo
from pipelines.media import log_pictures
from pipelines.media.log_pictures import Selector
from pipelines.sources.logs import asynchronous
from pipelines.sources.logs.asynchronous import TopicLog
from pipelines.sources.logs.base import NUMBERS, OTHER, PICTURES, WORDS, BadEpisode, LogField, LogItem, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from pipelines.sources.logs.items import attempt_name
from pipelines.sources.logs.topic_choice import has_readings
from schemas.keys import log_revision


def item_of(uri: str, root: str, files: Sequence[ObjectInfo]) -> LogItem:
    """The item of a log that consists of these files; its recordings lie within it."""
    return LogItem(
        uri=uri,
        root=root,
        revision=log_revision(uri, [part for f in files for part in (f.uri[len(root) :], f.etag)]),
        modified_ns=max((f.modified_ns for f in files), default=0),
        size_bytes=sum(f.size_bytes for f in files),
        media=(),
    )


def fields_of(topics: Sequence[Topic]) -> list[LogField]:
    """The topics with their types; those of pictures are cameras', those with readings may be state or action."""
    fields = []
    for t in topics:
        kind = NUMBERS if has_readings(t) else WORDS if short_type(t.type) in ("String", "Bool") else OTHER
        kind = PICTURES if is_picture(t.name, t.type) else kind
        count = "" if t.messages is None else f", {t.messages} messages"
        fields.append(LogField(name=t.name, kind=kind, about=(short_type(t.type) or "no type") + count))
    return fields


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format of which each file is an attempt. survey: the topics of files, and what of them is lost; read: messages.

    survey, read: BadMedia: the door's.
    """

    name: str
    suffixes: tuple[str, ...]  # the longer one first, where it ends as the other does
    survey: Callable[[list[Path]], tuple[list[Topic], list[Lost]]]
    read: Callable[[list[Path], Sequence[str]], Recorded]

    def items(self, files: Iterable[ObjectInfo]) -> Iterator[LogItem]:
        """One for each file of the format."""
        for info in files:
            if info.uri.endswith(self.suffixes):
                yield item_of(info.uri, info.uri.rpartition("/")[0], [info])

    def attempts(self, item: LogItem, options: LogOptions) -> Iterator[EpisodeLog | BadEpisode]:
        """The file's one attempt. BadMedia: the door's, and asynchronous.attempts'."""
        file = item.uri.rpartition("/")[2]
        with log_pictures.local_log(item.uri) as path:
            topics, lost = self.survey([path])
            log = TopicLog(
                name=attempt_name(next(file.removesuffix(s) for s in self.suffixes if file.endswith(s))),
                item=item,
                topics=topics,
                read=partial(self.read, [path]),
                log_uri=item.uri,
                selector=Selector(self.name, "", Fraction(1)),
                lost=lost,
            )
            yield from asynchronous.attempts(log, options)

    def fields(self, item: LogItem) -> list[LogField]:
        """The file's topics. BadMedia: the door's."""
        with log_pictures.local_log(item.uri) as path:
            return fields_of(self.survey([path])[0])
