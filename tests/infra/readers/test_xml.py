"""XML that others made: records as they come, names by namespace, hostile documents refused before they cost much."""

from __future__ import annotations

import time

import pytest

from infra.readers import xml
from infra.readers.xml import XmlLimits
from schemas.errors import BadMedia

ITEMS = frozenset(["item"])
MEDIA = 'xmlns:m="http://search.yahoo.com/mrss/"'


def texts(document: str | bytes, limits: XmlLimits = XmlLimits()) -> list[str]:
    data = document.encode() if isinstance(document, str) else document
    return [record.text for record in xml.records(data, ITEMS, limits)]


def refusal(document: str | bytes, limits: XmlLimits = XmlLimits()) -> str:
    data = document.encode() if isinstance(document, str) else document
    with pytest.raises(BadMedia) as error:
        list(xml.records(data, ITEMS, limits))
    return error.value.reason


def test_records_come_with_all_that_is_in_them_and_the_head_without() -> None:
    document = f"""<?xml version="1.0"?><rss {MEDIA}><channel><title>All</title>
        <item><title>One &amp; <b>two</b></title><m:content url="http://a/x.mp4" m:role="r"/></item>
        <image><title>Logo</title></image><item><title><![CDATA[<i>]]></title></item></channel></rss>""".encode()
    one, two = xml.records(document, ITEMS)
    assert one.text_of("nothing", "title") == "One & two"
    (content,) = one.all("media:content")
    assert content.attributes == {"url": "http://a/x.mp4", "media:role": "r"}
    assert two.text_of("title") == "<i>"
    head = xml.head(document, ITEMS)
    (channel,) = head.children
    assert (head.name, [c.name for c in channel.children], channel.text_of("title")) == (
        "rss",
        ["title", "image"],
        "All",
    )
    assert xml.root_name(document) == "rss"


def test_a_document_larger_than_a_block_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    document = "<rss>" + "".join(f"<item>{i}ä</item>" for i in range(200)) + "</rss>"
    monkeypatch.setattr(xml, "BLOCK_BYTES", 7)
    assert texts(document) == [f"{i}ä" for i in range(200)]
    assert xml.head(document.encode(), ITEMS).children == []


@pytest.mark.parametrize(
    "document",
    [
        '\n  <?xml version="1.0"?><r><item>ä</item></r>',
        "<r><item>ä</item></r>".encode("utf-16"),
        '<?xml version="1.0" encoding="iso-8859-1"?><r><item>ä</item></r>'.encode("latin-1"),
        b"\xef\xbb\xbf" + "<r><item>ä</item></r>".encode(),
        '<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://127.0.0.1:9/rss.dtd"><r><item>ä</item></r>',
    ],
)
def test_what_many_have_is_read(document: str | bytes) -> None:
    assert texts(document) == ["ä"]


BOMB = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))


@pytest.mark.parametrize(
    "document",
    [
        f'<!DOCTYPE r [<!ENTITY a0 "ha">{BOMB}]><r><item>&a9;</item></r>',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r><item>&x;</item></r>',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "http://127.0.0.1:9/">]><r><item>&x;</item></r>',
        '<!DOCTYPE r [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]><r><item/></r>',
        '<!DOCTYPE r [<!ENTITY unused "x">]><r><item/></r>',
    ],
)
def test_entities_are_refused_before_one_is_used(document: str) -> None:
    assert refusal(document) == "xml_entities"
    for read in (xml.root_name, lambda data: xml.head(data, ITEMS)):
        with pytest.raises(BadMedia, match="xml_entities"):
            read(document.encode())


@pytest.mark.slow
def test_what_is_nested_or_filled_without_end_is_refused_in_time() -> None:
    started_s = time.monotonic()
    assert refusal("<r>" + "<x>" * 200_000) == "xml_too_deep"
    assert refusal("<r><item>" + "<x>" * 100) == "xml_too_deep"
    assert refusal("<r><item>" + "y" * (2 << 20) + "</item></r>") == "xml_record"
    assert refusal(f'<r><item a="{"y" * (2 << 20)}"/></r>') == "xml_record"
    assert refusal("<r><item>" + "<x/>" * 700_000 + "</item></r>") == "xml_record"
    with pytest.raises(BadMedia, match="xml_record"):
        xml.head(b"<r>" + b"<x/>" * 700_000 + b"</r>", ITEMS)
    assert time.monotonic() - started_s < 20


def test_of_a_broken_document_what_came_before_is_given() -> None:
    records = xml.records(b"<r><item>1</item><item>2</item><item>&nbsp;</item></r>", ITEMS)
    assert [next(records).text, next(records).text] == ["1", "2"]
    with pytest.raises(BadMedia, match="bad_xml"):
        next(records)


@pytest.mark.parametrize("document", [b"", b"   ", b"no xml", b"\0\0\0", b"{}"])
def test_what_is_no_xml_says_so(document: bytes) -> None:
    for read in (xml.root_name, lambda data: xml.head(data, ITEMS)):
        with pytest.raises(BadMedia, match="bad_xml"):
            read(document)
