"""The door to XML that others made: a document's records one by one, in bounded memory.

expat reads no external entity and fetches no DTD. A document that declares an entity is refused before one is used
(CWE-776 and CWE-611), and so is one that is nested or filled beyond the limits. What came before an error was given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from xml.parsers import expat

from schemas.errors import BadMedia

BLOCK_BYTES = 1 << 20
ELEMENT_CHARACTERS = 64  # an empty one costs about as much memory as so much text
# Names are `prefix:local` with these prefixes, whatever the document's own are; other namespaces' are `?:local`.
PREFIXES = {
    "http://www.w3.org/2005/Atom": "atom",
    "http://search.yahoo.com/mrss": "media",
    "http://purl.org/dc/elements/1.1": "dc",
    "http://purl.org/dc/terms": "dcterms",
    "http://purl.org/rss/1.0/modules/content": "content",
    "http://backend.userland.com/creativeCommonsRssModule": "creativeCommons",
    "http://cyber.law.harvard.edu/rss/creativeCommonsRssModule.html": "creativeCommons",
    "http://web.resource.org/cc": "cc",
    "http://creativecommons.org/ns": "cc",
    "http://www.google.com/schemas/sitemap-video/1.1": "video",
    "http://www.w3.org/1999/02/22-rdf-syntax-ns": "rdf",
    "http://purl.org/rss/1.0": "",
    "http://www.sitemaps.org/schemas/sitemap/0.9": "",
    "https://www.sitemaps.org/schemas/sitemap/0.9": "",
    "http://www.google.com/schemas/sitemap/0.84": "",
}


@dataclass(frozen=True, slots=True)
class XmlLimits:
    """Bounds of a document.

    record_characters: text, names and attributes of one record, or of all outside of records, with ELEMENT_CHARACTERS
    for each element.
    """

    depth: int = 64
    record_characters: int = 1 << 20


@dataclass(slots=True)
class Node:
    """An element: its name and attributes by `prefix:local`, its own text, and what is in it."""

    name: str
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """Its own text and that of all below it, without space at its ends."""
        return "".join(self._parts()).strip()

    def _parts(self) -> Iterator[str]:
        yield from self.parts
        for child in self.children:
            yield from child._parts()

    def all(self, *names: str) -> list[Node]:
        """Its children of these names, in order."""
        return [child for child in self.children if child.name in names]

    def text_of(self, *names: str) -> str:
        """The text of the first of these names that has any."""
        return next((text for name in names for child in self.all(name) if (text := child.text)), "")


def root_name(data: bytes) -> str:
    """The name of the document's root. BadMedia: bad_xml, xml_entities."""
    builder = _Builder(frozenset(), XmlLimits())
    for at in range(0, max(len(data), 1), BLOCK_BYTES):
        builder.parse(data, at)
        if builder.root:
            return builder.root
    raise BadMedia("bad_xml", "it has no element")


def head(data: bytes, names: frozenset[str], limits: XmlLimits = XmlLimits()) -> Node:
    """The document's root without its records, as far as it can be read. BadMedia: as of `records`, but bad_xml."""
    builder = _Builder(names, limits, head=True)
    for at in range(0, len(data), BLOCK_BYTES):
        try:
            builder.parse(data, at)
        except BadMedia as e:
            if e.reason != "bad_xml" or builder.tree is None:
                raise
            break  # `records` says so, behind what came before
    if builder.tree is None:
        raise BadMedia("bad_xml", "it has no element")
    return builder.tree


def records(data: bytes, names: frozenset[str], limits: XmlLimits = XmlLimits()) -> Iterator[Node]:
    """Elements of these names with all that is in them. BadMedia: bad_xml, xml_entities, xml_too_deep, xml_record."""
    builder = _Builder(names, limits)
    for at in range(0, len(data), BLOCK_BYTES):
        error = None
        try:
            builder.parse(data, at)
        except BadMedia as e:
            error = e
        yield from builder.taken
        builder.taken.clear()
        if error is not None:
            raise error


class _Builder:
    """What expat's events make: records, or the tree outside of them."""

    def __init__(self, names: frozenset[str], limits: XmlLimits, *, head: bool = False) -> None:
        self.names, self.limits, self.of_head = names, limits, head
        self.root = ""
        self.tree: Node | None = None
        self.taken: list[Node] = []
        self._depth = self._characters = 0
        self._record_depth: int | None = None
        self._open: list[Node] = []  # what is being built, the innermost last
        self._expat = expat.ParserCreate(namespace_separator=" ")
        self._expat.buffer_text = True
        self._expat.StartElementHandler, self._expat.EndElementHandler = self._start, self._end
        self._expat.CharacterDataHandler = self._add_text
        self._expat.EntityDeclHandler = self._refuse_entities
        self._expat.ExternalEntityRefHandler = self._refuse_entities

    def parse(self, data: bytes, at: int) -> None:
        """One block of the document; space before its declaration, which many have, is passed over."""
        block = data[at : at + BLOCK_BYTES]
        try:
            self._expat.Parse(block.lstrip() if at == 0 else block, at + BLOCK_BYTES >= len(data))
        except expat.ExpatError as e:
            raise BadMedia("bad_xml", f"{expat.errors.messages[e.code]} at line {e.lineno}"[:200]) from e

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > self.limits.depth:
            raise BadMedia("xml_too_deep", f"elements nested more than {self.limits.depth} deep")
        node = Node(_short(name), {_short(key): value for key, value in attributes.items()})
        self.root = self.root or node.name
        if self._record_depth is None and node.name in self.names:
            self._record_depth = self._depth
            self._characters = 0 if not self.of_head else self._characters
        if not self._builds():
            return
        self._count(ELEMENT_CHARACTERS + len(name) + sum(len(key) + len(value) for key, value in attributes.items()))
        if self._open:
            self._open[-1].children.append(node)
        elif self.of_head:
            self.tree = node
        self._open.append(node)

    def _builds(self) -> bool:
        return (self._record_depth is None) == self.of_head

    def _end(self, name: str) -> None:
        if self._builds():
            node = self._open.pop()
            if not self._open and not self.of_head:
                self.taken.append(node)
        if self._record_depth == self._depth:
            self._record_depth = None
        self._depth -= 1

    def _add_text(self, text: str) -> None:
        if self._builds() and self._open:
            self._count(len(text))
            self._open[-1].parts.append(text)

    def _count(self, characters: int) -> None:
        self._characters += characters
        if self._characters > self.limits.record_characters:
            raise BadMedia("xml_record", f"a record of more than {self.limits.record_characters} characters")

    def _refuse_entities(self, *declared: object) -> NoReturn:
        raise BadMedia("xml_entities", "it declares entities of its own, which are never read")


def _short(name: str) -> str:
    """`prefix:local` of expat's `namespace local`."""
    namespace, separator, local = name.rpartition(" ")
    if not separator:
        return local
    prefix = PREFIXES.get(namespace.rstrip("/#"), "?")
    return f"{prefix}:{local}" if prefix else local
