"""ingest, for real: a small corpus through Beam, its rows, its refusals, and what a second run costs."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.sandbox import sandbox
from infra.storage.tables import Store
from infra.web import Client, FetchLimits
from pipelines.corpus.ledger import ledger
from pipelines.hop import Done, Run
from pipelines.ingest.hop import ingest
from pipelines.sources.recordings import Source
from pipelines.staging.options import IngestOptions
from schemas.keys import salted
from tests.support.media import Video, shot, write, write_sound

OPTIONS = IngestOptions(fetch=FetchLimits(attempts=1))
RECIPE = OPTIONS.cutting.recipe


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        """Silent."""


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, int]]:
    """A folder and the port it is served on."""
    folder = tmp_path_factory.mktemp("web")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shots, a copy of it, a file with sound alone, a page, a bad sidecar, one fine take with a narration."""
    folder = tmp_path_factory.mktemp("media")
    write(folder / "two.mp4", [*shot(1, 15), *shot(2, 20)])
    (folder / "copy.mp4").write_bytes((folder / "two.mp4").read_bytes())
    write_sound(folder / "sound.mp4")
    (folder / "page.mp4").write_text("<!doctype html>")
    write(folder / "said.mp4", shot(3, 12), Video(audio=True))
    (folder / "said.json").write_text(json.dumps({"caption": "Opens the jar.", "wearer": "anna", "scene": "lab"}))
    write(folder / "bad.mp4", shot(5, 5))
    (folder / "bad.json").write_text("{")
    (folder / os.fsdecode(b"caf\xe9.mp4")).write_bytes(b"x")
    return folder


def _ingest(root: Path, sources: list[Source], run_id: str, options: IngestOptions = OPTIONS) -> Done:
    return ingest(Run(Store(str(root)), run_id, salt="pepper"), sources, options)


def _folder(media: Path) -> list[Source]:
    return [Source("folder", str(media), stage="ego", licence="CC0-1.0")]


@pytest.fixture(scope="module")
def corpus(media: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done, list[str]]:
    """A corpus of the media, what the run said, and the recordings that were decoded."""
    root = tmp_path_factory.mktemp("root")
    decoded: list[str] = []
    run = sandbox.run
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            sandbox, "run", lambda m, argv, limits: decoded.append(Path(argv[0]).name) or run(m, argv, limits)
        )
        return root, _ingest(root, _folder(media), "first"), decoded


def test_recordings_become_assets_clips_and_proxies(corpus: tuple[Path, Done, list[str]], media: Path) -> None:
    root, done, _ = corpus
    store = Store(str(root))
    assert done.added == {"proxies": 3, "clips": 3, "rejects": 4, "assets": 3}
    assets = {Path(a["uri"]).name: a for a in store.read("assets").to_pylist()}
    assert set(assets) == {"two.mp4", "copy.mp4", "said.mp4"}
    said = assets["said.mp4"]
    data = (media / "said.mp4").read_bytes()
    assert (said["sha256"], said["size_bytes"]) == (hashlib.sha256(data).hexdigest(), len(data))
    assert (said["wearer_id"], said["site_id"]) == (salted("anna", "pepper"), salted("lab", "pepper"))
    assert (said["stage"], said["licence"], said["codec"], said["run_id"]) == ("ego", "CC0-1.0", "h264", "first")
    assert said["narrations"] == [{"text": "Opens the jar.", "start_ns": None, "end_ns": None}]
    assert (said["width_px"], said["height_px"], said["fps_hz"], said["decoded_ns"]) == (96, 64, 10.0, 1_200_000_000)


def test_clips_tile_each_recording_and_have_their_proxy(corpus: tuple[Path, Done, list[str]]) -> None:
    store = Store(str(corpus[0]))
    clips = store.read("clips").sort_by([("sha256", "ascending"), ("start_ns", "ascending")]).to_pylist()
    proxies = {p["clip_id"]: p for p in store.read("proxies").to_pylist()}
    assert proxies.keys() == {c["clip_id"] for c in clips}
    for sha, decoded_ns in {(a["sha256"], a["decoded_ns"]) for a in store.read("assets").to_pylist()}:
        own = [c for c in clips if c["sha256"] == sha]
        assert [c["start_ns"] for c in own] == [0, *(c["end_ns"] for c in own[:-1])]
        assert own[-1]["end_ns"] == decoded_ns
        assert all(c["start_ns"] <= t < c["end_ns"] for c in own for t in proxies[c["clip_id"]]["sample_ns"])
    assert sorted(c["end_ns"] for c in clips) == [1_200_000_000, 1_500_000_000, 3_500_000_000]


def test_equal_bytes_are_decoded_once(corpus: tuple[Path, Done, list[str]]) -> None:
    decoded = corpus[2]
    assert sorted(n for n in decoded if n in ("two.mp4", "copy.mp4")) == ["copy.mp4"]
    assert len(decoded) == len(set(decoded)) == 4


def test_refusals_have_their_reasons_and_the_books_balance(corpus: tuple[Path, Done, list[str]]) -> None:
    store = Store(str(corpus[0]))
    reasons = {Path(r["uri"]).name: r["reason"] for r in store.read("rejects").to_pylist()}
    assert reasons == {
        "sound.mp4": "no_video", "page.mp4": "html_page", "bad.mp4": "bad_sidecar", "caf\\udce9.mp4": "bad_name",
    }  # fmt: skip
    account, rows = ledger(store, RECIPE, "none")
    assert account.unbalanced_ns() == 0
    assert account.input_ns == (3_500 + 3_500 + 1_200) * 1_000_000
    assert account.by_reason["exact_duplicate"] == 3_500_000_000
    assert len(rows) == 7


def test_the_second_run_adds_nothing_and_starts_no_engine(
    corpus: tuple[Path, Done, list[str]], media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import apache_beam

    monkeypatch.setattr(apache_beam, "Pipeline", lambda *_, **__: pytest.fail("an engine started"))
    before = Store(str(corpus[0])).versions()
    done = _ingest(corpus[0], _folder(media), "second")
    assert (done.added, done.line()) == ({}, "nothing new")
    assert Store(str(corpus[0])).versions() == before


@pytest.mark.slow
def test_a_touched_file_is_a_new_revision_and_costs_no_decode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media = tmp_path / "media"
    media.mkdir()
    path = write(media / "a.mp4", shot(1, 8))
    assert _ingest(tmp_path / "root", _folder(media), "one").added["clips"] == 1
    os.utime(path, ns=(1_000_000_000, 1_000_000_000))
    monkeypatch.setattr(sandbox, "run", lambda *_: pytest.fail("it was decoded again"))
    assert _ingest(tmp_path / "root", _folder(media), "two").added == {"assets": 1}
    account, rows = ledger(Store(str(tmp_path / "root")), RECIPE, "none")
    assert (account.input_ns, len(rows), account.unbalanced_ns()) == (800_000_000, 1, 0)


def test_what_the_web_offers_is_kept_checked_or_tried_again(
    tmp_path: Path, web: tuple[Path, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, port = web
    data = write(folder / "a.mp4", shot(1, 8)).read_bytes()
    (folder / "b.mp4").write_bytes(data)
    (folder / "page.html").write_text("<html>")
    base = f"http://127.0.0.1:{port}"
    sha = hashlib.sha256(data).hexdigest()
    lines = [
        {"url": f"{base}/a.mp4", "sha256": sha, "caption": "Shuts the box."},
        {"url": f"{base}/b.mp4", "sha256": "0" * 64},
        {"url": f"{base}/gone.mp4"},
        {"url": f"{base}/page.html"},
        {"url": "http://127.0.0.1:9/unreachable.mp4"},
        {"url": "http://169.254.169.254/latest/meta-data/"},
        {"url": "http://[::1"},
    ]
    listing = tmp_path / "list.jsonl"
    listing.write_text("\n".join(json.dumps(line) for line in lines))
    options = replace(OPTIONS, fetch=FetchLimits(attempts=1, allow_private=(f"127.0.0.1:{port}", "127.0.0.1:9")))
    source = [Source("url_list", str(listing))]
    root = tmp_path / "root"
    done = _ingest(root, source, "one", options)
    store = Store(str(root))
    assert [a["uri"] for a in store.read("assets").to_pylist()] == [f"{base}/a.mp4"]
    reasons = {r["uri"].rsplit("/", 1)[1]: r["reason"] for r in store.read("rejects").to_pylist()}
    assert reasons == {
        "b.mp4": "sha256_differs", "gone.mp4": "http_404", "page.html": "not_media_type", "": "private_address",
        "[::1": "bad_url",
    }  # fmt: skip
    assert (root / "media" / sha).read_bytes() == data
    assert len(done.notes) == 2
    assert done.notes[0].startswith("1 could not be reached and are tried again next time: http://127.0.0.1:9/")
    assert done.notes[1] == f"{listing}: 2 of 7 links are dead (28.6%): 1 http_404, 1 not_media_type"
    monkeypatch.setattr(Client, "download", lambda _, url, path: pytest.fail(f"{url} was fetched again"))
    again = _ingest(root, source, "two", options)
    assert (again.added, again.notes) == ({}, done.notes)


@pytest.mark.slow
def test_a_server_that_is_allowed_later_is_asked(tmp_path: Path, web: tuple[Path, int]) -> None:
    folder, port = web
    write(folder / "later.mp4", shot(4, 8))
    (tmp_path / "list.csv").write_text(f"url\nhttp://127.0.0.1:{port}/later.mp4\n")
    source = [Source("url_list", str(tmp_path / "list.csv"))]
    refused = _ingest(tmp_path / "root", source, "one", replace(OPTIONS, fetch=FetchLimits(attempts=1)))
    assert refused.added == {"rejects": 1}
    allowed = replace(OPTIONS, fetch=FetchLimits(attempts=1, allow_private=(f"127.0.0.1:{port}",)))
    assert _ingest(tmp_path / "root", source, "two", allowed).added["assets"] == 1
    account, rows = ledger(Store(str(tmp_path / "root")), OPTIONS.cutting.recipe, "no policy")
    assert ([r.account.reasons_s() for r in rows], account.unbalanced_ns()) == ([{"undecided": 0.8}], 0)
