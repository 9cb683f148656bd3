"""Pages that others made: the videos and licences that they state, in a child that a hostile page cannot hold."""

from __future__ import annotations

import json

import pytest

from infra.readers import html
from infra.readers.html import PageVideo, page_of, read_page
from infra.sandbox import sandbox
from schemas.errors import BadMedia

STRUCTURED = {
    "@context": "https://schema.org",
    "@graph": [
        {
            "@type": ["Thing", "VideoObject"],
            "contentUrl": "/v/1.mp4",
            "name": "Opens a jar",
            "description": "A hand opens a jar.",
            "license": {"@id": "https://creativecommons.org/licenses/by/4.0/"},
        },
        {"@type": "WebPage", "video": {"@type": "VideoObject", "contentUrl": "https://a/2.mp4"}},
        {"@type": "VideoObject", "embedUrl": "https://player/3"},
    ],
}
PAGE = f"""<!doctype html><html><head><title>Jars &amp; lids</title>
<meta name="description" content="All about jars"><meta property="og:title" content="Jars">
<meta property="og:video" content="http://a/2.mp4"><meta property="og:video:secure_url" content="https://a/2.mp4">
<meta name="DC.rights" content="Me, 2026">
<link rel="license nofollow" href="/terms"><script>var x = "<video src='no.mp4'>"</script>
<script type="application/ld+json">{json.dumps(STRUCTURED)}</script>
<script type="application/ld+json">{{not json</script></head>
<body><video src="b.mp4"><source src="b.webm"></video><source src="not-in-a-video.mp4">
<a rel="license" href="https://creativecommons.org/publicdomain/zero/1.0/">CC0</a></body></html>"""


def test_what_a_page_says() -> None:
    page = read_page(PAGE.encode())
    assert (page.title, page.description) == ("Jars", "All about jars")
    licence = "https://creativecommons.org/licenses/by/4.0/"
    assert page.videos == [
        PageVideo("/v/1.mp4", "Opens a jar", "A hand opens a jar.", licence),
        PageVideo("https://a/2.mp4"),
        PageVideo("b.mp4"),
        PageVideo("b.webm"),
    ]
    assert page.licences == [
        ("meta dc.rights", "Me, 2026"),
        ("rel=license", "/terms"),
        ("rel=license", "https://creativecommons.org/publicdomain/zero/1.0/"),
    ]


@pytest.mark.parametrize(
    "text", ["", "<", "<!", "\0", "<video src>", "<script type='application/ld+json'>[[", "<a rel>"]
)
def test_odd_pages_say_nothing(text: str) -> None:
    page = page_of(text)
    assert (page.videos, page.licences) == ([], [])


def test_deep_structures_are_no_matter() -> None:
    nested = "[" * 5000 + "]" * 5000
    assert page_of(f"<script type='application/ld+json'>{nested}</script>").videos == []


def test_a_page_that_never_ends_costs_its_child_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "LIMITS", sandbox.Limits(wall_s=0.5))
    monkeypatch.setattr(html, "__name__", "tests.support.slow_reader")
    with pytest.raises(BadMedia, match="decoder_timeout"):
        read_page(b"<")
