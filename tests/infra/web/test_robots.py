"""robots.txt: its rules as RFC 9309 has them, read once a host and through the guarded door."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.web import robots
from infra.web.robots import parse_rules
from schemas.errors import BadMedia, TransientError
from tests.support.threads import run_together
from tests.support.web_server import Recorder, moved, serving

SAID = b"""\xef\xbb\xbf# who comes here
User-agent: other
Disallow: /
User-Agent: Handwheel/9.9 # our group, together with the next name
User-agent: friend
Disallow: /private/
Allow: /private/open$
Disallow: /*.mov$
Disallow: /*/draft/*?x=
Disallow: /caf%C3%A9
Allow: /private/a
Disallow: /private/ab
crawl-delay: 2.5
nonsense
User-agent: *
Disallow: /
"""


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/", True), ("/private/x.mp4", False), ("/private/open", True), ("/private/open2", False), ("/x.mov", False),
        ("/x.mov?a=1", True), ("/x.movie", True), ("/a/draft/b?x=1", False), ("/a/draft/b", True), ("/café", False),
        ("/caf%c3%a9/x", False), ("/private/a.mp4", True), ("/private/abc", False), ("", True),
    ],
)  # fmt: skip
def test_the_longest_rule_of_our_group_wins(path: str, allowed: bool) -> None:
    assert parse_rules(SAID, "handwheel").allow(f"https://a.example{path}") is allowed


@pytest.mark.parametrize(
    ("rule", "path", "matches"),
    [
        ("/a%2Ab", "/a*b", True), ("/a%2ab", "/a%2Ab", True), ("/a%2Ab", "/axb", False), ("/a%24", "/a$b", True),
        ("/a%24", "/a", False), ("/a$b", "/a$bc", True), ("/a%2Fb", "/a/b", False), ("/a%2Fb", "/a%2fb", True),
        ("/%7Ejoe", "/~joe", True), ("/100%", "/100%", True), ("/a?b", "/a%3Fb", False),
    ],
)  # fmt: skip
def test_what_is_encoded_is_no_wildcard_and_no_other_character(rule: str, path: str, matches: bool) -> None:
    """RFC 9309, 2.2.2 and 2.2.3."""
    rules = parse_rules(f"User-agent: *\nDisallow: {rule}".encode(), "handwheel")
    assert rules.allow(f"https://a.example{path}") is not matches


def test_groups_are_by_name_then_by_star() -> None:
    assert parse_rules(SAID, "friend").paths == parse_rules(SAID, "handwheel").paths
    assert not parse_rules(SAID, "nobody").allow("https://a.example/x")
    assert parse_rules(b"User-agent: other\nDisallow: /\n", "handwheel").allow("https://a.example/x")
    assert parse_rules(SAID, "handwheel").delay_s == 2.5
    apart = b"User-agent: handwheel\nDisallow: /a\nUser-agent: *\nDisallow: /\nUser-agent: handwheel\nDisallow: /b"
    twice = parse_rules(apart, "handwheel")
    assert [twice.allow(f"http://h/{p}") for p in ("a", "b", "c")] == [False, False, True]


@pytest.mark.parametrize(
    "text", [b"", b"\xff\xfe\x00", b"<html>", b"Disallow: /", b"User-agent: *\nDisallow:", b":" * 99]
)
def test_what_says_nothing_allows_all(text: bytes) -> None:
    assert parse_rules(text, "handwheel").allow("https://a.example/x")


KINDS = st.sampled_from(["Allow", "Disallow"])
RULES = st.lists(
    st.tuples(KINDS, st.builds(str.__add__, st.text("/ab*", max_size=6), st.sampled_from(["", "$"]))), max_size=8
)


@settings(deadline=None)
@given(RULES, st.text("/ab", max_size=8))
def test_matching_is_that_of_the_wildcards_as_a_regex(rules: list[tuple[str, str]], rest: str) -> None:
    """Against the definition: `*` any characters, `$` the end, the longest pattern, allow before disallow."""
    import re

    text = "User-agent: *\n" + "".join(f"{kind}: {pattern}\n" for kind, pattern in rules)
    path = "/" + rest
    found = []
    for kind, pattern in rules:
        body = pattern.removesuffix("$")
        regex = ".*".join(re.escape(part) for part in body.split("*")) + ("$" if pattern.endswith("$") else "")
        if pattern and re.match(regex, path):
            found.append((len(pattern), kind == "Allow"))
    assert parse_rules(text.encode(), "handwheel").allow(f"http://h{path}") is (max(found)[1] if found else True)


def test_stars_without_end_cost_no_time() -> None:
    rules = parse_rules(b"User-agent: *\nDisallow: /" + b"*a" * 50_000 + b"b$", "handwheel")
    begun = time.process_time()
    assert rules.allow("http://h/" + "a" * 50_000)
    assert time.process_time() - begun < 2


def test_what_a_host_forbids_is_not_asked_for(tmp_path: Path) -> None:
    with serving(lambda a: a.answer(200, b"video")) as site:
        site.robots = b"User-agent: *\nDisallow: /private"
        for door in (
            lambda: site.client().look_up(site.url("/private/v")),
            lambda: site.client().download(site.url("/private/v"), tmp_path / "f"),
        ):
            with pytest.raises(BadMedia) as caught:
                door()
            assert caught.value.reason == "robots_disallow"
        assert site.asked == []
        site.client(robots=False).download(site.url("/private/v"), tmp_path / "f")
        site.client().download(site.url("/public/v"), tmp_path / "f")
    assert site.asked == ["/private/v", "/public/v"]


def test_where_a_redirect_leads_is_asked_about_too(tmp_path: Path) -> None:
    with serving(lambda a: a.answer(302, Location="/private/v")) as site:
        site.robots = b"User-agent: *\nDisallow: /private"
        with pytest.raises(BadMedia) as caught:
            site.client().download(site.url("/v"), tmp_path / "f")
    assert (caught.value.reason, site.asked) == ("robots_disallow", ["/v"])


def test_it_is_read_once_by_many_threads_and_again_by_the_next_run() -> None:
    with serving(lambda a: a.answer(200, b"video")) as site:
        run_together(lambda i: site.client().look_up(site.url(f"/{i}")), 16)
        assert site.asked_robots == 1
        site.client().new_run()
        site.client().look_up(site.url("/v"))
        assert site.asked_robots == 2


@pytest.mark.parametrize(
    ("line", "allowed"), [("404 No", True), ("403 No", True), ("500 No", False), ("429 No", False)]
)
def test_a_robots_txt_that_is_not_there_allows_and_one_that_fails_is_transient(line: str, allowed: bool) -> None:
    answers = [
        f"HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n".encode(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
    ]
    recorder = Recorder({"r.example": [["93.184.216.34"]]}, answers)
    with serving(lambda a: None) as site:
        limits = site.limits(attempts=1)
    if allowed:
        assert recorder.client(limits).look_up("http://r.example/v").size_bytes == 3
    else:
        with pytest.raises(TransientError, match=r"robots\.txt"):
            recorder.client(limits).look_up("http://r.example/v")
        assert len(recorder.connected) == 1


def test_an_endless_robots_txt_is_read_to_its_bound(tmp_path: Path) -> None:
    with serving(lambda a: a.answer(200, b"video")) as site:
        site.robots = b"User-agent: *\nDisallow: /private\n" + b"#" * (4 * robots.MAX_BYTES) + b"\nDisallow: /"
        assert site.client().download(site.url("/v"), tmp_path / "f").size_bytes == 5


GZIPPED = gzip.compress(b"User-agent: *\nDisallow: /private\n" + b"#" * (8 * robots.MAX_BYTES))


@pytest.mark.parametrize(
    ("coding", "body", "ends"),
    [
        ("gzip", GZIPPED, "robots_disallow"), ("gzip", b"no gzip", "content_encoded"), ("br", b"x", "content_encoded"),
    ],
)  # fmt: skip
def test_one_that_is_packed_though_nobody_asked_is_read_or_waited_for(coding: str, body: bytes, ends: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    recorder = Recorder({"packed.example": [["93.184.216.34"]]}, [head + body])
    with serving(lambda a: None) as site, pytest.raises((BadMedia, TransientError), match=ends):
        recorder.client(site.limits(attempts=1)).look_up("http://packed.example/private")
    assert len(recorder.connected) == 1


def test_one_that_lies_behind_an_insecure_redirect_is_not_taken_for_leave() -> None:
    recorder = Recorder({"a.example": [["93.184.216.34"]]}, [moved("http://a.example/robots.txt")])
    with serving(lambda a: None) as site, pytest.raises(TransientError, match="insecure_redirect"):
        recorder.client(site.limits(attempts=1)).look_up("https://a.example/v")


def test_a_crawl_delay_is_kept_up_to_its_bound() -> None:
    with serving(lambda a: a.answer(200, b"video")) as site:
        site.robots = b"User-agent: *\nCrawl-delay: 100"
        begun = time.monotonic()
        for i in range(3):
            site.client(crawl_delay_s=0.3).look_up(site.url(f"/{i}"))
        assert time.monotonic() - begun >= 0.6


def test_a_robots_txt_that_fails_is_not_asked_for_again_in_this_run() -> None:
    recorder = Recorder({"r.example": [["93.184.216.34"]]}, [b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"] * 9)
    with serving(lambda a: None) as site:
        limits = site.limits(attempts=3)
    for i in range(5):
        with pytest.raises(TransientError, match=r"robots\.txt could not be read"):
            recorder.client(limits).look_up(f"http://r.example/{i}")
    assert len(recorder.connected) == 3


def test_a_robots_txt_without_end_of_its_headers_is_not_taken_for_leave() -> None:
    endless = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000
    recorder = Recorder({"r.example": [["93.184.216.34"]]}, [endless])
    with serving(lambda a: None) as site, pytest.raises(TransientError, match="bad_headers"):
        recorder.client(site.limits(attempts=1)).look_up("http://r.example/v")
