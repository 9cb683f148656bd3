"""What an attempt is read without, gathered while it is read: a part that cannot be read costs itself alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pipelines.sources.logs.base import BadEpisode, LogItem
from pipelines.sources.logs.episode_log import Note, check_text, safe_name, storable
from pipelines.sources.logs.fields import text
from schemas.errors import BadMedia

T = TypeVar("T")


def _checked(value: str | None) -> str | None:
    if value is not None:
        check_text(value)
    return value


class Parts:
    """The parts that one attempt is taken without, and notes on what it is taken with."""

    def __init__(self, attempt: str) -> None:
        self.attempt = attempt
        self.refused: list[BadEpisode] = []
        self.notes: list[Note] = []

    def refuse(self, part: str, reason: str, detail: str) -> None:
        """The attempt goes without that part."""
        self.refused.append(BadEpisode(name=f"{self.attempt}/{part}", reason=reason, detail=detail))

    def refuse_unread(self, item: LogItem) -> None:
        """It goes without what lies beside its log and no reader takes."""
        for part in item.unread:
            self.refuse(part.name, part.reason, part.detail)

    def note(self, code: str, detail: str) -> None:
        """Something that costs nothing."""
        if (note := Note(code=code, detail=storable(detail))) not in self.notes:
            self.notes.append(note)

    def text(self, fields: Mapping[str, Any], key: str) -> str | None:
        """A text of the log's, None where it cannot be stored or is none, which is told."""
        return self.take(key, lambda: _checked(text(fields, key)))

    def name(self, what: str, stated: str) -> str:
        """A robot's or a camera's name as views and files can have it; another than the log's is noted."""
        name, note = safe_name(what, stated)
        if note is not None:
            self.note(note.code, note.detail)
        return name

    def take(self, part: str, make: Callable[[], T]) -> T | None:
        """What `make` gives; None where it cannot be read, which is told."""
        try:
            return make()
        except BadMedia as error:
            self.refuse(part, error.reason, error.detail)
            return None
