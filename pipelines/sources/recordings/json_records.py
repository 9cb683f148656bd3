"""Large JSON files a record at a time: annotation files hold hundreds of megabytes, and memory holds one record."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

CHUNK_BYTES = 1 << 20
RECORD_CHARACTERS = 64 << 20

Key = str | int
_ENDS = tuple(" \t\n\r,:]}")  # what may stand after a value
_SPACE = re.compile(r"[ \t\n\r]*")


def records(file: BinaryIO, inside: str | None = None) -> Iterator[tuple[Key, Any]]:
    """Members of the file's one array or object, as (index or key, value), in the file's order.

    inside: the container under this key of the top object is opened: its members come in its place. Other arrays of
    the top object are passed over. Broken UTF-8 becomes question marks. ValueError: no JSON, cut short, nested too
    deep, or a record of more than RECORD_CHARACTERS; what came before it has been yielded.
    """
    text = _Text(file)
    for key in _keys(text):
        if isinstance(key, str) and text.peek() == "[" and key != inside:
            for _ in _keys(text):
                text.value()
        elif key == inside and text.peek() in ("{", "["):
            for inner in _keys(text):
                yield inner, text.value()
        else:
            yield key, text.value()
    if text.peek():
        raise ValueError("there is more after its end")


def _keys(text: _Text) -> Iterator[Key]:
    """Keys of the container that comes next; the caller takes the value before it asks for the next key."""
    opening = text.take("{[")
    closing = "}" if opening == "{" else "]"
    if text.peek() == closing:
        text.take(closing)
        return
    index = 0
    while True:
        if opening == "[":
            yield index
        else:
            key = text.value()
            text.take(":")
            if not isinstance(key, str):
                raise ValueError("a key is not text")
            yield key
        index += 1
        if text.take("," + closing) == closing:
            return


def _integer(digits: str) -> int | float:
    """int() refuses thousands of digits with the error of broken JSON; such a number is none."""
    return int(digits) if len(digits) <= 20 else float("nan")


_DECODER = json.JSONDecoder(parse_int=_integer)


class _Text:
    """The part of the file that is under way. A value that is not there in full is tried again with twice as much."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self.buffer = ""
        self.at = 0
        self.ended = False

    def more(self) -> bool:
        """Reads on, unless the file ended or a record is too long."""
        left = len(self.buffer) - self.at
        if self.ended or left > RECORD_CHARACTERS:
            return False
        raw = self.file.read(max(CHUNK_BYTES, left))
        self.buffer = self.buffer[self.at :] + self.decoder.decode(raw, not raw)
        self.at = 0
        self.ended = not raw
        return True

    def peek(self) -> str:
        """The next character that is no space; empty at the end."""
        while True:
            space = _SPACE.match(self.buffer, self.at)
            self.at = space.end() if space else self.at
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                return ""

    def take(self, allowed: str) -> str:
        """The next character, which must be one of these."""
        character = self.peek()
        if not character or character not in allowed:
            raise ValueError(f"{character or 'its end'!r} where one of {allowed!r} should be")
        self.at += 1
        return character

    def value(self) -> Any:
        """The JSON value that comes next."""
        self.peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self.buffer, self.at)
            except RecursionError as error:
                raise ValueError("nested too deep") from error
            except ValueError:
                if not self.more():
                    raise
                continue
            # A number may go on in what is not read yet: "1" of "1.5", and of "1." too.
            if self.buffer[end : end + 1] in _ENDS or not self.more():
                self.at = end
                return value
