"""ingest from feeds and sitemaps of a real server: what is offered comes in once, and dead links are counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from infra.storage.tables import Store
from pipelines.hop import Done, Run
from pipelines.ingest.dead_links import Offered, dead_link_lines, is_dead
from pipelines.ingest.hop import ingest
from pipelines.sources.recordings import Source
from pipelines.staging.options import IngestOptions
from tests.support.media import shot, write
from tests.support.web_server import Asked, Site, serving

BY, NC = "https://creativecommons.org/licenses/by/4.0/", "https://creativecommons.org/licenses/by-nc/4.0/"


def feed_of(site: Site, licence: str, *names: str) -> bytes:
    entries = "".join(
        f'<item><title>Take {n}</title><enclosure url="/{n}.mp4" type="video/mp4"/></item>' for n in names
    )
    space = 'xmlns:creativeCommons="http://backend.userland.com/creativeCommonsRssModule"'
    head = f"<creativeCommons:license>{licence}</creativeCommons:license>"
    return f"<rss {space}><channel>{head}{entries}</channel></rss>".encode()


def run_over(root: Path, site: Site, run_id: str, *kinds: str) -> Done:
    sources = [Source(kind, site.url(f"/{kind}")) for kind in kinds]
    return ingest(Run(Store(str(root)), run_id), sources, replace(IngestOptions(), fetch=site.limits(attempts=1)))


@pytest.mark.slow
def test_videos_of_feeds_and_sitemaps_come_in_once_with_their_evidence(tmp_path: Path) -> None:
    files = {f"/{n}.mp4": write(tmp_path / f"{n}.mp4", shot(i, 8)).read_bytes() for i, n in enumerate("ab")}

    def answer(asked: Asked) -> None:
        if asked.path in files:
            asked.answer(200, files[asked.path], ETag=f'"{asked.path}"')
        else:
            asked.answer(404)

    with serving(answer) as site:
        place = "<url><loc>/page</loc><v:video><v:content_loc>/{}.mp4</v:content_loc></v:video></url>"
        space = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
        names = 'xmlns:v="http://www.google.com/schemas/sitemap-video/1.1"'
        files["/sitemap"] = f"<urlset {space} {names}>{place.format('b')}{place.format('lost')}</urlset>".encode()
        files["/page"] = f'<a rel="license" href="{NC}">terms</a>'.encode()
        files["/feed"] = feed_of(site, BY, "a", "gone", "too")
        root = tmp_path / "corpus"
        done = run_over(root, site, "one", "feed", "sitemap")
        assert done.added == {"assets": 2, "clips": 2, "proxies": 2, "rejects": 3}
        assert done.notes == [
            f"{site.url('/feed')}: 2 of 3 links are dead (66.7%): 2 http_404",
            f"{site.url('/sitemap')}: 1 of 2 links are dead (50.0%): 1 http_404",
        ]
        store = Store(str(root))
        assets = {a["uri"]: a for a in store.read("assets").to_pylist()}
        one, two = assets[site.url("/a.mp4")], assets[site.url("/b.mp4")]
        assert (one["licence"], two["licence"]) == ("CC-BY-4.0", "CC-BY-NC-4.0")
        assert one["licence_evidence"] == f"creativeCommons:license {BY} at {site.url('/feed')}"
        assert two["licence_evidence"] == f"rel=license {NC} at {site.url('/page')}"
        assert [n["text"] for n in one["narrations"]] == ["Take a"]

        again = run_over(root, site, "two", "feed", "sitemap")
        assert (again.added, again.notes) == ({}, done.notes)
        del files["/b.mp4"]  # it stays in the corpus, and its link is dead
        files["/feed"] = feed_of(site, NC, "a")
        third = run_over(root, site, "three", "feed", "sitemap")
        assert third.added == {"assets": 1}
        assert third.notes == [f"{site.url('/sitemap')}: 2 of 2 links are dead (100.0%): 2 http_404"]
        newest = max(store.read("assets").to_pylist(), key=lambda a: (a["uri"] == one["uri"], a["modified_ns"]))
        assert (newest["licence"], newest["sha256"]) == ("CC-BY-NC-4.0", one["sha256"])


def test_a_source_that_is_not_reached_does_not_hold_up_the_others(tmp_path: Path) -> None:
    def answer(asked: Asked) -> None:
        asked.answer(503 if asked.path == "/feed" else 404)

    with serving(answer) as site:
        done = run_over(tmp_path / "corpus", site, "one", "feed", "sitemap")
        assert done.added == {"rejects": 1}
        assert done.notes[0].startswith(f"1 could not be reached and are tried again next time: {site.url('/feed')}: ")
        assert done.notes[1].startswith(f"{site.url('/sitemap')}: 1 of 1 links are dead")


@pytest.mark.parametrize(
    ("reason", "dead"),
    [
        ("http_404", True),
        ("http_410", True),
        ("not_media_type", True),
        ("robots_disallow", False),
        ("too_large", False),
    ],
)
def test_what_counts_as_dead(reason: str, dead: bool) -> None:
    assert is_dead(reason) == dead


def test_sources_without_links_have_no_line_and_cost_no_read(tmp_path: Path) -> None:
    run = Run(Store(str(tmp_path / "none")), "run")
    assert list(dead_link_lines(run, [Offered("media", [])], {}, "recipe")) == []
    assert not (tmp_path / "none").exists()
