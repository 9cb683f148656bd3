"""The Hub's door against a small real Hub: what is listed is what is read, at one commit; errors say what to do."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.archives import reader
from infra.storage import hub, hub_files, objects
from infra.storage.hub_uri import split_uri
from infra.storage.range_reader import open_seekable
from schemas.errors import TransientError, UsageError
from tests.support.archives import tar
from tests.support.hub_server import Hub, blob_id, serving_hub

DATA = bytes(range(251)) * 4000
SET = "hf://datasets/org/set@main"


@pytest.fixture
def served() -> Iterator[Hub]:
    with serving_hub() as server:
        yield server


@pytest.mark.parametrize(
    ("uri", "revision", "path"),
    [
        ("hf://datasets/org/set", "main", ""),
        ("hf://datasets/org/set/", "main", ""),
        ("hf://datasets/org/set@v1.0/", "v1.0", ""),
        ("hf://datasets/org/set@v1.0/meta/info.json", "v1.0", "meta/info.json"),
        ("hf://datasets/org/set/a b/c@d.mp4", "main", "a b/c@d.mp4"),
        ("hf://datasets/org/set@refs/pr/3/x", "refs/pr/3", "x"),
        ("hf://datasets/org/set@refs/convert/parquet/x", "refs/convert/parquet", "x"),
        ("hf://datasets/org/set@user%2Ffix/x", "user/fix", "x"),
    ],
)
def test_a_uri_is_taken_apart_as_the_library_does(uri: str, revision: str, path: str) -> None:
    from huggingface_hub.utils import parse_hf_uri

    place = split_uri(uri)
    assert (place.repo, place.revision, place.path) == ("org/set", revision, path)
    theirs = parse_hf_uri(uri.rstrip("/"))
    assert (theirs.id, theirs.revision or "main", theirs.path_in_repo) == ("org/set", revision, path)
    assert split_uri(place.uri) == place


@pytest.mark.parametrize("uri", ["hf://org/set", "hf://datasets/org", "hf://datasets/org/se t", "hf://models/org/set"])
def test_what_names_no_data_set_says_how_one_is_named(uri: str) -> None:
    with pytest.raises(UsageError, match="hf://datasets/org/name@revision"):
        list(objects.list_objects(uri))


def test_a_listing_of_many_pages_is_whole_in_order_and_hides_what_is_hidden(served: Hub) -> None:
    names = [f"videos/{i:03}.mp4" for i in range(23)] + ["meta/info.json", "a b+ä&%#?.mp4", "videos2/x.mp4"]
    served.repo().push({n: n.encode() for n in names} | {".gitattributes": b"x", "meta/.cache/y": b"y"})
    served.page = 4
    found = list(objects.list_objects(SET + "/"))
    assert [o.uri for o in found] == [f"{SET}/{n}" for n in sorted(names)]
    assert [o.size_bytes for o in found] == [len(n.encode()) for n in sorted(names)]
    assert all(objects.read_bytes(o.uri) == o.uri.removeprefix(f"{SET}/").encode() for o in found)
    assert len({o.modified_ns for o in found}) == 1
    assert found[0].modified_ns == 1_793_588_645 * 10**9
    below = [o.uri for o in objects.list_objects(f"{SET}/videos")]
    assert below == [f"{SET}/videos/{i:03}.mp4" for i in range(23)]


def test_only_what_is_asked_for_is_listed(served: Hub) -> None:
    served.repo().push({f"{d}/{i}.mp4": b"x" for d in "ab" for i in range(3)})
    assert [o.uri for o in objects.list_objects(f"{SET}/b")] == [f"{SET}/b/{i}.mp4" for i in range(3)]
    assert [o.uri for o in objects.list_objects(f"{SET}/b/1.mp4")] == [f"{SET}/b/1.mp4"]
    assert list(objects.list_objects(f"{SET}/c")) == []
    trees = [path for _, path in served.asked if "/tree/" in path]
    assert len(trees) == 1
    assert trees[0].split("?")[0].endswith("/b")


def test_an_etag_names_the_bytes_and_stays_where_a_commit_leaves_them_alone(served: Hub) -> None:
    repo = served.repo()
    first = repo.push({"a.mp4": DATA, "b.mp4": b"b", "note.json": b"{}"})
    before = {o.uri: o for o in objects.list_objects(SET)}
    assert before[f"{SET}/a.mp4"].etag == hashlib.sha256(DATA).hexdigest()
    assert before[f"{SET}/note.json"].etag == blob_id(b"{}")
    repo.push({"a.mp4": DATA, "b.mp4": b"other", "note.json": b"{}"})
    objects.begin_run("another run")
    after = {o.uri: o for o in objects.list_objects(SET)}
    assert [uri for uri in before if after[uri].etag != before[uri].etag] == [f"{SET}/b.mp4"]
    pinned = SET.replace("main", first)
    assert objects.read_bytes(f"{pinned}/b.mp4") == b"b"


def test_a_branch_is_one_commit_in_a_run(served: Hub, tmp_path: Path) -> None:
    repo = served.repo()
    repo.push({"a.mp4": b"old", "b.json": b"old"})
    objects.begin_run("one")
    (listed, _) = objects.list_objects(SET)
    repo.push({"a.mp4": b"new", "b.json": b"new"})
    objects.begin_run("one")
    objects.download(listed.uri, tmp_path / "a", if_match=listed.etag)
    assert (tmp_path / "a").read_bytes() == objects.read_bytes(f"{SET}/b.json") == b"old"
    objects.begin_run("two")
    assert objects.read_bytes(listed.uri) == b"new"
    with pytest.raises(objects.Conflict):
        objects.download(listed.uri, tmp_path / "a", if_match=listed.etag)
    assert sum("/revision/" in path for _, path in served.asked) == 2


def test_what_is_there_and_what_is_not(served: Hub, tmp_path: Path) -> None:
    served.repo().push({"a/b.mp4": b"x", "empty.json": b"", "empty.mp4": b""})
    assert [objects.exists(f"{SET}/{p}") for p in ("", "a", "a/", "a/b.mp4", "a/c.mp4")] == [True] * 4 + [False]
    assert objects.info(f"{SET}/a/b.mp4").size_bytes == 1
    for name in ("a", "a/c.mp4"):
        with pytest.raises(FileNotFoundError):
            objects.info(f"{SET}/{name}")
        with pytest.raises(FileNotFoundError):
            objects.read_bytes(f"{SET}/{name}")
    for name in ("empty.json", "empty.mp4"):
        objects.download(f"{SET}/{name}", tmp_path / "f")
        assert (tmp_path / "f").read_bytes() == b""


def test_the_token_goes_to_the_hub_and_nowhere_else(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = served.repo()
    repo.push({"a.mp4": DATA})
    repo.token = "hf_secret"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert objects.read_bytes(f"{SET}/a.mp4") == DATA
    assert served.tokens_at_storage == [None]


def test_ranges_bring_only_what_is_read(served: Hub) -> None:
    served.repo().push({"a.mp4": DATA, "b.json": DATA})
    for name in ("a.mp4", "b.json"):
        found = objects.info(f"{SET}/{name}")
        assert objects.read_range(found.uri, 1000, 77, found.etag) == DATA[1000:1077]
        assert objects.read_range(found.uri, len(DATA) - 5, 77, found.etag) == DATA[-5:]
        with open_seekable(found) as f:
            f.seek(500_000)
            assert f.read(3) == DATA[500_000:500_003]
        with pytest.raises(TransientError, match="changed"):
            objects.read_range(found.uri, 0, 1, "0" * 64)


def test_a_tar_on_the_hub_is_read_by_ranges(served: Hub, tmp_path: Path) -> None:
    tar(tmp_path / "s.tar", {"0.mp4": DATA, "0.txt": b"Opens the jar."})
    served.repo().push({"s.tar": (tmp_path / "s.tar").read_bytes()})
    assert [m.name for m in reader.list_members(f"{SET}/s.tar")] == ["0.mp4", "0.txt"]
    reader.extract(f"{SET}/s.tar", "0.txt", tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"Opens the jar."


def test_a_download_goes_on_where_it_broke_off(served: Hub, tmp_path: Path) -> None:
    served.repo().push({"a.mp4": DATA})
    served.cuts = [300_000, 200_000, 0]
    objects.download(f"{SET}/a.mp4", tmp_path / "f")
    assert (tmp_path / "f").read_bytes() == DATA
    assert (served.cuts, served.served) == ([], ["a.mp4"] * 4)


def test_other_bytes_than_were_listed_are_never_taken(served: Hub, tmp_path: Path) -> None:
    served.repo().push({"a.mp4": DATA, "b.json": b"{}"})
    served.fault = lambda method, path: (200, {}, DATA[::-1]) if "signature" in path else None
    with pytest.raises(TransientError, match="other bytes came than the Hub lists"):
        objects.download(f"{SET}/a.mp4", tmp_path / "f")
    served.fault = lambda method, path: (200, {}, b"[]") if "resolve-cache" in path else None
    with pytest.raises(TransientError, match="other bytes"):
        objects.read_bytes(f"{SET}/b.json")


def test_what_may_not_be_read_says_what_to_do_next(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    served.repo("org/set").push({"a.mp4": b"x"})
    served.repo("org/gated").push({"a.mp4": b"x"})
    served.repo("org/gated").gated = True
    served.repo("org/own").push({"a.mp4": b"x"})
    served.repo("org/own").token = "hf_right"
    for uri, wanted in {
        "hf://datasets/org/set@v9": "no branch, tag or commit 'v9'",
        "hf://datasets/org/none": "no such data set, or it is private.*HF_TOKEN",
        "hf://datasets/org/gated": f"accept its terms at {served.url}/datasets/org/gated",
        "hf://datasets/org/own": "set HF_TOKEN",
    }.items():
        with pytest.raises(UsageError, match=wanted) as error:
            list(objects.list_objects(uri))
        assert "\n" not in str(error.value)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(UsageError, match="the Hub refuses HF_TOKEN") as error:
        list(objects.list_objects("hf://datasets/org/own"))
    assert "hf_wrong" not in str(error.value)
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    assert len(list(objects.list_objects("hf://datasets/org/own"))) == 1


def test_a_file_that_may_not_be_read_in_the_middle_of_a_run_is_left_for_the_next(served: Hub) -> None:
    served.repo().push({"a.mp4": b"x"})
    (found,) = objects.list_objects(SET)
    served.repo().gated = True
    with pytest.raises(TransientError, match="accept its terms"):
        objects.read_bytes(found.uri)


def test_a_rate_limit_and_a_failing_server_are_for_later(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    served.repo().push({"a.mp4": b"x"})
    monkeypatch.setattr(hub, "RETRIES", 0)
    for status, wanted in ((429, "rate limit.*in 5 minutes, or set HF_TOKEN"), (500, "the Hub answers 500")):
        served.fault = lambda method, path, status=status: (status, {}, b"")  # type: ignore[misc]
        with pytest.raises(TransientError, match=wanted):
            list(objects.list_objects(SET))
    served.fault = lambda method, path: (200, {}, b"<html>Log in to the hotel's network</html>")
    with pytest.raises(TransientError, match="check HF_ENDPOINT"):
        list(objects.list_objects(SET))
    expired = (403, {"Content-Type": "text/xml"}, b"<Expired>signature=secret</Expired>")
    served.fault = lambda method, path: expired if "signature" in path else None
    with pytest.raises(TransientError, match="storage answers 403") as error:
        objects.read_bytes(f"{SET}/a.mp4")
    assert "signature" not in str(error.value)


def test_a_hub_that_is_not_there_says_where_it_was_looked_for_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(hub, "RETRIES", 0)
    objects.begin_run("unreached")
    with pytest.raises(TransientError, match=r"http://127\.0\.0\.1:9 cannot be reached.*HF_ENDPOINT"):
        list(objects.list_objects(SET))
    assert capfd.readouterr().err == ""
    for text, shown in (("Retrying in 1s [Retry 1/4].", False), ("Rate limited. Waiting 301.0s", True)):
        record = logging.LogRecord("library", logging.WARNING, "", 0, text, None, None)
        assert bool(logging.getLogger("huggingface_hub.utils._http").filter(record)) == shown


def test_a_refusal_that_passes_is_not_seen(served: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    served.repo().push({"a.mp4": b"x", "b.json": b"y"})
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    refused: set[str] = set()

    def first_time(method: str, path: str) -> tuple[int, dict[str, str], bytes] | None:
        if path in refused:
            return None
        refused.add(path)
        return 503, {}, b""

    served.fault = first_time
    assert [objects.read_bytes(o.uri) for o in objects.list_objects(SET)] == [b"x", b"y"]
    assert len(refused) >= 6


def test_nothing_is_ever_written_to_the_hub(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    for write in (
        lambda: objects.put(f"{SET}/x", b""),
        lambda: objects.upload(tmp_path / "f", f"{SET}/x"),
        lambda: objects.delete(f"{SET}/x"),
        lambda: objects.delete_below(SET),
    ):
        with pytest.raises(UsageError, match="never written"):
            write()


def test_the_name_of_bytes_is_that_of_their_kind() -> None:
    assert hub_files.etag_of(io.BytesIO(b"x"), "0" * 40) == blob_id(b"x")
    assert hub_files.etag_of(io.BytesIO(b"x"), "0" * 64) == hashlib.sha256(b"x").hexdigest()
