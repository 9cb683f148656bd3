"""Scheduled runs over URLs: what is unchanged is asked about and not fetched, what changed is a new asset."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from infra.sandbox import sandbox
from infra.storage.tables import Store
from orchestration.reports.report import ReportOptions, page
from pipelines.hop import Done, Run
from pipelines.ingest.hop import ingest
from pipelines.media.decode_child import PassOptions
from pipelines.sources.recordings import Source
from pipelines.staging.options import IngestOptions
from tests.support.media import shot, write
from tests.support.web_server import Asked, Site, serving


@dataclass
class Shelf:
    """A site's files: bytes and headers by path; how each method is answered can be set apart."""

    files: dict[str, tuple[bytes, dict[str, str]]]
    status: dict[tuple[str, str], int]

    def answer(self, asked: Asked) -> None:
        path = asked.path.partition("?")[0]
        if (status := self.status.get((asked.method, path))) is not None:
            asked.answer(status)
        elif path not in self.files:
            asked.answer(404)
        else:
            data, headers = self.files[path]
            asked.answer(200, data, **{k: v for k, v in headers.items() if not k.startswith("GET_")} | self._own(asked))

    def _own(self, asked: Asked) -> dict[str, str]:
        headers = self.files[asked.path.partition("?")[0]][1]
        return {k.removeprefix("GET_"): v for k, v in headers.items() if k.startswith("GET_") and asked.method == "GET"}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("clips")
    return [write(folder / f"{i}.mp4", shot(i, 6)).read_bytes() for i in range(2)]


@dataclass
class Corpus:
    """A root, a shelf it lists, and what was decoded."""

    root: Path
    shelf: Shelf
    site: Site

    def list(self, *lines: dict[str, Any]) -> None:
        (self.root.parent / "list.jsonl").write_text("\n".join(json.dumps(line) for line in lines))

    def ingest(self, run_id: str, **options: Any) -> Done:
        self.site.requests.clear()
        limits = self.site.limits(**options.pop("fetch", {"attempts": 1}))
        source = Source("url_list", str(self.root.parent / "list.jsonl"))
        return ingest(Run(Store(str(self.root)), run_id), [source], IngestOptions(fetch=limits, **options))

    @property
    def methods(self) -> list[str]:
        return [f"{a.method} {a.path}" for a in self.site.requests]

    def rows(self, table: str) -> list[dict[str, Any]]:
        return Store(str(self.root)).read(table).to_pylist()


@pytest.fixture(scope="module")
def decoded(clips: list[bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus that has decoded both clips, so that no test here decodes again."""
    with serving(lambda a: a.answer(200, clips[int(a.path[1])], ETag=f'"{a.path[1]}"')) as site:
        corpus = Corpus(tmp_path_factory.mktemp("decoded") / "root", Shelf({}, {}), site)
        corpus.list({"url": site.url("/0.mp4")}, {"url": site.url("/1.mp4")})
        assert corpus.ingest("first").added["assets"] == 2
    return corpus.root


@pytest.fixture
def corpus(tmp_path: Path, clips: list[bytes], decoded: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Corpus]:
    shutil.copytree(decoded, tmp_path / "root")
    monkeypatch.setattr(sandbox, "run", lambda *_: pytest.fail("it was decoded"))
    shelf = Shelf({"/v.mp4": (clips[0], {"ETag": '"a"'})}, {})
    with serving(shelf.answer) as site:
        corpus = Corpus(tmp_path / "root", shelf, site)
        corpus.list({"url": site.url("/v.mp4")})
        yield corpus


@pytest.mark.slow
def test_what_is_unchanged_costs_one_head_and_no_engine(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    import apache_beam

    assert corpus.ingest("one").added == {"assets": 1}
    assert corpus.methods == ["HEAD /v.mp4", "GET /v.mp4"]
    monkeypatch.setattr(apache_beam, "Pipeline", lambda *_, **__: pytest.fail("an engine started"))
    assert corpus.ingest("two").line() == "nothing new"
    assert corpus.methods == ["HEAD /v.mp4"]


@pytest.mark.slow
def test_what_changed_is_a_new_asset(corpus: Corpus, clips: list[bytes]) -> None:
    corpus.ingest("one")
    corpus.shelf.files["/v.mp4"] = (clips[1], {"ETag": '"b"'})
    assert corpus.ingest("two").added == {"assets": 1}
    mine = [a for a in corpus.rows("assets") if a["run_id"] in ("one", "two")]
    sha = [hashlib.sha256(c).hexdigest() for c in clips]
    assert {(a["revision"], a["sha256"]) for a in mine} == {("a", sha[0]), ("b", sha[1])}


@pytest.mark.parametrize("headers", [{"Last_Modified": "Sun, 01 Nov 2026 00:00:00 GMT"}, {}])
@pytest.mark.slow
def test_without_an_etag_time_and_size_tell_and_without_both_it_is_fetched_once(
    corpus: Corpus, clips: list[bytes], headers: dict[str, str]
) -> None:
    corpus.shelf.files["/v.mp4"] = (clips[0], headers)
    assert corpus.ingest("one").added == {"assets": 1}
    corpus.shelf.files["/v.mp4"] = (clips[1], headers)
    assert len(clips[0]) != len(clips[1])
    assert corpus.ingest("two").added == ({"assets": 1} if headers else {})
    assert corpus.ingest("three").added == {}


@pytest.mark.slow
def test_a_known_url_is_left_alone_where_so_told(corpus: Corpus, clips: list[bytes]) -> None:
    corpus.ingest("one")
    corpus.shelf.files |= {"/v.mp4": (clips[1], {"ETag": '"b"'}), "/w.mp4": (clips[1], {"ETag": '"w"'})}
    corpus.list({"url": corpus.site.url("/v.mp4")}, {"url": corpus.site.url("/w.mp4")})
    assert corpus.ingest("two", ask_again=False).added == {"assets": 1}
    assert corpus.methods == ["HEAD /w.mp4", "GET /w.mp4"]


def test_a_known_url_that_cannot_be_asked_or_is_gone_stays_as_it_was(corpus: Corpus) -> None:
    corpus.ingest("one")
    for status in (503, 404):
        corpus.shelf.status = {(method, "/v.mp4"): status for method in ("HEAD", "GET")}
        done = corpus.ingest(f"two{status}")
        assert done.added == {}
        dead = [note.partition(": ")[2] for note in done.notes]
        assert dead == (["1 of 1 links are dead (100.0%): 1 http_404"] if status == 404 else [])


def test_a_new_url_that_cannot_be_asked_is_told_and_asked_next_time(corpus: Corpus) -> None:
    corpus.shelf.status = {("HEAD", "/v.mp4"): 503}
    done = corpus.ingest("one")
    assert done.added == {}
    assert done.notes[0].startswith("1 could not be reached and are tried again next time: http://127.0.0.1")
    corpus.shelf.status = {}
    assert corpus.ingest("two").added == {"assets": 1}


@pytest.mark.slow
def test_a_dead_link_is_refused_once_and_taken_when_it_comes_to_life(corpus: Corpus) -> None:
    corpus.shelf.status = {(method, "/v.mp4"): 404 for method in ("HEAD", "GET")}
    assert corpus.ingest("one").added == {"rejects": 1}
    assert corpus.ingest("two").added == {}
    assert [r["reason"] for r in corpus.rows("rejects")] == ["http_404"]
    corpus.shelf.status, (data, _) = {}, corpus.shelf.files["/v.mp4"]
    store, shown = Store(str(corpus.root)), "http_404"
    assert shown in page(store, PassOptions().recipe, "policy", None, ReportOptions())
    corpus.shelf.files["/v.mp4"] = (data, {})
    assert corpus.ingest("three").added == {"assets": 1}
    assert shown not in page(store, PassOptions().recipe, "policy", None, ReportOptions())


def test_a_declared_sha256_is_not_asked_about(corpus: Corpus, clips: list[bytes]) -> None:
    corpus.list({"url": corpus.site.url("/v.mp4"), "sha256": hashlib.sha256(clips[0]).hexdigest()})
    assert corpus.ingest("one").added == {"assets": 1}
    assert corpus.methods == ["GET /v.mp4"]
    assert corpus.ingest("two").added == {}
    assert corpus.methods == []


def test_the_bytes_are_of_the_revision_that_is_stored(corpus: Corpus, clips: list[bytes]) -> None:
    """The object changes between the listing and the fetch."""
    answer = corpus.shelf.answer

    def changing(asked: Asked) -> None:
        answer(asked)
        corpus.shelf.files["/v.mp4"] = (clips[1], {"ETag": '"b"'})

    corpus.shelf.answer = changing  # type: ignore[method-assign]
    with serving(lambda a: corpus.shelf.answer(a)) as site:
        corpus.site = site
        corpus.list({"url": site.url("/v.mp4")})
        assert corpus.ingest("one").added == {"assets": 1}
        assert corpus.methods == ["HEAD /v.mp4", "GET /v.mp4", "HEAD /v.mp4"]
        (asset,) = (a for a in corpus.rows("assets") if a["run_id"] == "one")
        assert (asset["revision"], asset["sha256"]) == ("b", hashlib.sha256(clips[1]).hexdigest())
        assert corpus.ingest("two").added == {}


def test_a_revision_of_the_source_s_own_stays(corpus: Corpus, tmp_path: Path) -> None:
    from pipelines.ingest.revisions import download_item
    from pipelines.sources.recordings import Item

    item = Item(corpus.site.url("/v.mp4"), "the source's", "web")
    assert download_item(item, tmp_path / "f", corpus.site.client())[0] == item
    assert corpus.methods == ["GET /v.mp4"]


def test_an_object_that_changes_all_the_time_is_not_stored(corpus: Corpus, clips: list[bytes]) -> None:
    count = iter(range(100))

    with serving(lambda a: a.answer(200, clips[0], ETag=f'"{next(count)}"')) as site:
        corpus.site = site
        corpus.list({"url": site.url("/v.mp4")})
        done = corpus.ingest("one")
    assert done.added == {}
    assert "changed while it was fetched" in done.notes[0]


@pytest.mark.parametrize("get", ["", '"other"', 'W/"a"'])
@pytest.mark.slow
def test_a_server_that_speaks_otherwise_of_get_is_still_fetched_once(corpus: Corpus, get: str) -> None:
    data, _ = corpus.shelf.files["/v.mp4"]
    corpus.shelf.files["/v.mp4"] = (data, {"ETag": '"a"', "GET_ETag": get})
    assert corpus.ingest("one").added == {"assets": 1}
    assert [a["revision"] for a in corpus.rows("assets") if a["run_id"] == "one"] == ["a"]
    assert corpus.ingest("two").added == {}


def test_a_url_signed_anew_is_the_same_asset_and_no_signature_is_stored(corpus: Corpus) -> None:
    url = corpus.site.url("/v.mp4?id=7&")
    corpus.list({"url": url + "X-Amz-Signature=secretone&X-Amz-Expires=60"})
    assert corpus.ingest("one").added == {"assets": 1}
    assert corpus.methods[-1] == "GET /v.mp4?id=7&X-Amz-Signature=secretone&X-Amz-Expires=60"
    corpus.list({"url": url + "X-Amz-Signature=secrettwo&X-Amz-Expires=60"})
    assert corpus.ingest("two").added == {}
    assert corpus.site.url("/v.mp4?id=7") in {a["uri"] for a in corpus.rows("assets")}
    held = b"".join(p.read_bytes() for p in corpus.root.rglob("*") if p.is_file())
    assert b"secret" not in held


@pytest.mark.slow
def test_a_refusal_of_a_limit_ends_with_the_limit(corpus: Corpus) -> None:
    small = {"attempts": 1, "size_bytes": 10}
    assert corpus.ingest("one", fetch=small).added == {"rejects": 1}
    assert corpus.ingest("two", fetch=small | {"backoff_s": 0.1}).added == {}
    assert corpus.ingest("three", fetch=small | {"size_bytes": 11}).added == {"rejects": 1}
    assert [r["reason"] for r in corpus.rows("rejects")] == ["too_large", "too_large"]
    assert corpus.ingest("four").added == {"assets": 1}


@pytest.mark.slow
def test_robots_txt_is_honoured_unless_told_otherwise(corpus: Corpus) -> None:
    corpus.site.robots = b"User-agent: handwheel\nDisallow: /v"
    assert corpus.ingest("one").added == {"rejects": 1}
    assert [r["reason"] for r in corpus.rows("rejects")] == ["robots_disallow"]
    assert corpus.methods == []
    assert corpus.ingest("two", fetch={"attempts": 1, "robots": False}).added == {"assets": 1}


def test_a_new_run_reads_robots_txt_again(corpus: Corpus) -> None:
    corpus.ingest("one")
    assert corpus.site.asked_robots == 1
    corpus.ingest("two")
    assert corpus.site.asked_robots == 2


@pytest.mark.slow
def test_many_urls_are_each_asked_once(corpus: Corpus, clips: list[bytes]) -> None:
    corpus.shelf.files |= {f"/{i}.mp4": (clips[i % 2], {"ETag": f'"{i}"'}) for i in range(60)}
    corpus.list(*({"url": corpus.site.url(f"/{i}.mp4")} for i in range(60)))
    assert corpus.ingest("one").added == {"assets": 60}
    assert corpus.ingest("two").added == {}
    assert sorted(corpus.methods) == sorted(f"HEAD /{i}.mp4" for i in range(60))


def test_an_options_change_of_manners_alone_retries_nothing(corpus: Corpus) -> None:
    from pipelines.ingest.limit_rejects import digest

    limits = corpus.site.limits()
    assert digest(limits, sandbox.Limits()) == digest(
        replace(limits, host_connections=1, stall_s=9.0), sandbox.Limits()
    )
    assert digest(limits, sandbox.Limits()) != digest(limits, sandbox.Limits(cpu_s=1))


@pytest.mark.slow
def test_a_new_recipe_fetches_nothing_whose_bytes_are_kept(
    corpus: Corpus, clips: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # it is decoded again, and rightly
    sha256 = [hashlib.sha256(clip).hexdigest() for clip in clips]
    corpus.shelf.files["/declared.mp4"] = (clips[1], {})
    corpus.list(
        {"url": corpus.site.url("/v.mp4")}, {"url": corpus.site.url("/declared.mp4"), "sha256": sha256[1]}
    )  # fmt: skip
    assert corpus.ingest("one").added == {"assets": 2}
    assert sorted(corpus.methods) == ["GET /declared.mp4", "GET /v.mp4", "HEAD /v.mp4"]
    assert corpus.ingest("two", cutting=PassOptions(proxy_hz=2.0)).added["assets"] == 2
    assert corpus.methods == ["HEAD /v.mp4"]
    assert {a["sha256"] for a in corpus.rows("assets") if a["run_id"] == "two"} == set(sha256)
    (corpus.root / "media" / sha256[0]).unlink()
    assert corpus.ingest("three", cutting=PassOptions(proxy_hz=1.0)).added["assets"] == 2
    assert corpus.methods == ["HEAD /v.mp4", "GET /v.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("status", [500, 503])
def test_urls_that_always_fail_do_not_hold_up_the_same_ones_in_every_run(corpus: Corpus, status: int) -> None:
    """They are so many, and listed first, that their host is left alone before the last is asked."""
    failing = [f"/{i}.mp4" for i in range(36)]  # more than are asked at once
    corpus.shelf.status = {(method, path): status for method in ("HEAD", "GET") for path in failing}
    corpus.list(*({"url": corpus.site.url(path)} for path in [*failing, "/v.mp4"]))
    runs = (corpus.ingest(f"run{i}", fetch={"attempts": 1, "host_connections": 1}) for i in range(90))
    assert any(done.added == {"assets": 1} for done in runs)  # by the order's chance fails one time in 10 ** 6
