"""What the sources yield: an item a recording, a reason for what cannot be one, and never an exception."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.readers import parquet
from infra.sandbox.sandbox import Limits
from infra.storage import objects
from infra.storage.objects import ObjectInfo
from pipelines.sources.recordings import Item, Narration, Source, kind_of, list_items, resolve_sidecars, url_list
from pipelines.sources.recordings.url_list import unsigned
from schemas.errors import UsageError
from schemas.keys import key_of
from tests.support.archives import tar

NS = 1_000_000_000


def _folder(folder: Path, **settings: Any) -> dict[str, Item]:
    items = resolve_sidecars(list(list_items([Source("folder", str(folder), **settings)])))
    return {Path(i.uri).name: i for i in items}


def test_a_folder_yields_its_media_in_order_with_what_the_source_says(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.MKV", "sub/c.webm", "notes.md", ".hidden.mp4", ".git/d.mp4", "e.mp4.part"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    items = _folder(tmp_path, stage="ego", licence="CC0-1.0", wearer="w1", site="kitchen", consent="form 7")
    assert list(items) == ["a.MKV", "b.mp4", "c.webm"]
    item = items["b.mp4"]
    assert (item.stage, item.licence, item.wearer, item.site, item.consent, item.size_bytes) == (
        "ego", "CC0-1.0", "w1", "kitchen", "form 7", 5,
    )  # fmt: skip
    assert item.bad is None
    assert item.narrations == ()


def test_sidecars_outrank_the_source_and_change_the_revision(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    before = _folder(tmp_path)["a.mp4"].revision
    said = {
        "caption": "Opens  the\n jar.", "license": "CC-BY-4.0", "wearer_id": 7, "scene": "lab", "stage": "ego",
        "intrinsics": {"fx": 1.5}, "unknown": [1],
    }  # fmt: skip
    (tmp_path / "a.json").write_text("\ufeff" + json.dumps(said))
    item = _folder(tmp_path, licence="CC0-1.0")["a.mp4"]
    assert item.narrations == (Narration("Opens the jar."),)
    assert (item.licence, item.wearer, item.site, item.stage) == ("CC-BY-4.0", "7", "lab", "ego")
    assert json.loads(item.intrinsics_json or "") == {"fx": 1.5}
    assert item.revision != before
    spans = {"narrations": [{"text": "Lifts it.", "start_s": 1.5, "end_s": 2}, {"text": "Waits."}]}
    (tmp_path / "a.mp4.json").write_text(json.dumps(spans))  # the fullest name is asked first
    item = _folder(tmp_path)["a.mp4"]
    assert item.narrations == (Narration("Lifts it.", 1_500_000_000, 2 * NS), Narration("Waits."))


def test_a_listing_reads_no_sidecar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "a.json").write_text('{"caption": "Opens it."}')
    monkeypatch.setattr(objects, "read_bytes", lambda uri: pytest.fail(f"{uri} was read"))
    (item,) = kind_of("folder").list(Source("folder", str(tmp_path)))
    assert item.revision.count("+") == 2


def test_another_licence_of_the_source_is_another_revision_of_what_has_a_sidecar(tmp_path: Path) -> None:
    """No listing reads the sidecar, so that none can tell whether it outranks what the source says now."""
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "a.txt").write_text("Opens it.")
    items = [
        next(iter(kind_of("folder").list(Source("folder", str(tmp_path), licence=of)))) for of in ("MIT", "MIT", None)
    ]
    assert items[0].revision == items[1].revision != items[2].revision


def test_a_sidecar_says_what_is_redacted(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "a.json").write_text('{"redacted": [{"start_s": 1, "end_s": 2.5}, {"start_s": 0, "end_s": 0.5}]}')
    assert _folder(tmp_path)["a.mp4"].redacted == ((NS, 2_500_000_000), (0, NS // 2))


def test_a_text_beside_it_is_its_narration(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "a.txt").write_text("  Stirs the pot. \n")
    assert _folder(tmp_path)["a.mp4"].narrations == (Narration("Stirs the pot."),)


BAD_SIDECARS = {
    "not JSON": b"{",
    "a list": b"[1]",
    "not UTF-8": b'{"caption": "\xff"}',
    "deep": b"[" * 100_000,
    "a wrong stage": b'{"stage": "robot"}',
    "a wrong time": b'{"narrations": [{"text": "x", "start_s": "soon"}]}',
    "a negative time": b'{"narrations": [{"text": "x", "start_s": -1}]}',
    "no time": b'{"narrations": [{"text": "x", "start_s": NaN}]}',
    "no text": b'{"narrations": [{"start_s": 1}]}',
    "a redaction that is no list": b'{"redacted": {"start_s": 1, "end_s": 2}}',
    "a redaction without an end": b'{"redacted": [{"start_s": 1}]}',
    "a redaction that ends before it starts": b'{"redacted": [{"start_s": 2, "end_s": 1}]}',
    "too long": b'{"caption": "' + b"x" * (4 << 20) + b'"}',
}


@pytest.mark.parametrize("name", sorted(BAD_SIDECARS))
def test_a_bad_sidecar_refuses_its_recording_and_no_other(tmp_path: Path, name: str) -> None:
    for media in ("a.mp4", "b.mp4"):
        (tmp_path / media).write_bytes(b"x")
    (tmp_path / "a.json").write_bytes(BAD_SIDECARS[name])
    items = _folder(tmp_path)
    assert (items["a.mp4"].bad or ("",))[0] == "bad_sidecar"
    assert items["b.mp4"].bad is None


def test_half_a_character_in_a_sidecar_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"x")
    (tmp_path / "a.json").write_text('{"caption": "cuts \\ud800 bread", "licence": "CC\\udfff", "wearer": "\\udc00"}')
    item = _folder(tmp_path)["a.mp4"]
    assert item.narrations == (Narration("cuts ? bread"),)
    assert (item.licence, item.wearer) == ("CC?", "?")
    key_of(item.uri, item.wearer)


def test_hostile_names_are_items_like_any_other(tmp_path: Path) -> None:
    names = ['имя with spaces; $(touch x) & "quote" ..mp4', "a'b.mp4", "new\nline.mp4", "%03d.mp4", "-rf.mp4"]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    os.mkdir(tmp_path / "folder.mp4")
    (tmp_path / "gone.mp4").symlink_to(tmp_path / "nowhere")
    assert sorted(_folder(tmp_path)) == sorted(names)


def test_a_name_that_is_no_text_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.mp4", "wb") as f:
        f.write(b"x")
    (tmp_path / "fine.mp4").write_bytes(b"x")
    items = _folder(tmp_path)
    assert (items["caf\\udce9.mp4"].bad or ("",))[0] == "bad_name"
    assert items["fine.mp4"].bad is None
    for item in items.values():
        key_of(item.uri, item.revision)


def test_a_folder_that_is_named_like_an_archive_is_not_taken_for_one(tmp_path: Path) -> None:
    """Its file would else be read from the archive beside it, which somebody else may own."""
    (tmp_path / "a.tar!").mkdir()
    (tmp_path / "a.tar!" / "v.mp4").write_bytes(b"x")
    (tmp_path / "a.tar").write_bytes(b"not this one")
    tar(tmp_path / "a.tar!" / "b.tar", {"w.mp4": b"y"})
    for kind in ("folder", "webdataset"):
        items = kind_of(kind).list(Source(kind, str(tmp_path / "a.tar!")))
        assert [(i.bad or ("",))[0] for i in items] == ["bad_name"]


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"is not there; correct \[\[source\]\] uri"):
        _folder(tmp_path / "nowhere")


def test_an_unknown_kind_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="not one of folder, url_list"):
        list(list_items([Source("tape", "x")]))


SHA = "AB" * 32
ROWS: list[dict[str, Any]] = [
    {"url": "https://a.example/1.mp4", "caption": "Folds, the cloth", "start": "1.5", "end": "3", "licence": "CC0-1.0",
     "sha256": SHA},
    {"url": "http://a.example/2.mp4", "caption": "", "start": "", "end": "", "licence": "", "sha256": ""},
    {"url": "ftp://a.example/3.mp4"},
    {"url": "https://a.example/4.mp4", "start": "soon"},
    {"url": "https://a.example/5.mp4", "sha256": "abc"},
    {"url": "https://a.example/6.mp4", "caption": "Opens the box"},
]  # fmt: skip
COLUMNS = ("url", "caption", "start", "end", "licence", "sha256")


def _write(path: Path, rows: list[dict[str, Any]]) -> Path:
    rows = [{c: r.get(c, "") for c in COLUMNS} for r in rows]
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n\n")
    else:
        out = io.StringIO()
        writer = csv.DictWriter(out, COLUMNS, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writeheader()
        writer.writerows(rows)
        path.write_text(out.getvalue())
    return path


def _list(path: Path) -> list[Item]:
    return list(kind_of("url_list").list(Source("url_list", str(path), stage="web", licence="unknown")))


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_a_list_yields_an_item_a_line_whatever_its_format(tmp_path: Path, suffix: str) -> None:
    path = _write(tmp_path / f"list.{suffix}", ROWS)
    items = _list(path)
    assert [i.bad[0] if i.bad else "" for i in items] == ["", "", "bad_url", "bad_sidecar", "bad_line", ""]
    first = items[0]
    assert (first.uri, first.sha256, first.revision, first.licence) == (ROWS[0]["url"], *[SHA.lower()] * 2, "CC0-1.0")
    assert first.narrations == (Narration("Folds, the cloth", 1_500_000_000, 3 * NS),)
    assert (items[1].licence, items[1].narrations, items[1].revision) == ("unknown", (), "")
    assert items[2].uri == f"{path}#line=3"
    assert items[5].narrations == (Narration("Opens the box"),)


@pytest.mark.parametrize(
    ("start", "ns"),
    [
        ("0:07:33.689", 453_689_000_000), ("00:07:33", 453 * NS), (" 7:05.5 ", 425_500_000_000),
        ("90.25", 90_250_000_000), (90.25, 90_250_000_000), ("1:60:00", None), ("1:2:3:4", None), ("-1:00", None),
        ("1:\u0663", None), (":30", None),
    ],
)  # fmt: skip
def test_times_are_seconds_or_clocks(tmp_path: Path, start: object, ns: int | None) -> None:
    line = json.dumps({"url": "https://a.example/1.mp4", "caption": "x", "start": start, "end": "1:00:00"})
    (tmp_path / "list.jsonl").write_text(line)
    (item,) = _list(tmp_path / "list.jsonl")
    if ns is None:
        assert (item.bad or ("",))[0] == "bad_sidecar"
    else:
        assert item.narrations == (Narration("x", ns, 3600 * NS),)


def test_lines_that_are_no_objects_are_bad_lines(tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    good = json.dumps({"url": "https://a.example/1.mp4", "caption": "one\u2028two", "licence": {"id": "CC0"}},
                      ensure_ascii=False)  # fmt: skip
    lines = ["{", "[1]", "null", '"text"', "[" * 99_999, "x" * 200_000, good]
    path.write_bytes("\r\n".join(lines).encode() + b"\n\xff\xfe\n")
    items = _list(path)
    assert [(i.bad or ("",))[0] for i in items] == ["bad_line"] * 6 + ["", "bad_line"]
    assert items[6].narrations == (Narration("one two"),)
    assert isinstance(items[6].licence, str)


def test_a_field_without_an_end_is_a_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text('url,caption\nhttps://a.example/1.mp4,x\nhttps://a.example/2.mp4,"' + "y" * 200_000 + '"\n')
    assert [(i.bad or ("",))[0] for i in _list(path)] == ["", "bad_line"]


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300), suffix=st.sampled_from(["csv", "tsv", "jsonl", "parquet"]))
def test_no_bytes_bring_a_reader_down(tmp_path_factory: pytest.TempPathFactory, data: bytes, suffix: str) -> None:
    path = tmp_path_factory.mktemp("list") / f"list.{suffix}"
    path.write_bytes(b"url\n" + data if suffix != "parquet" else data)
    try:
        items = _list(path)
    except UsageError:
        assert suffix in ("parquet", "jsonl")
        return
    for item in items:
        key_of(item.uri, item.revision, item.licence)


def test_a_row_of_a_parquet_list_that_is_no_text_is_a_bad_line(tmp_path: Path) -> None:
    url = pa.array([b"https://a.example/1.mp4", b"\xff\xfe", b"https://a.example/2.mp4"]).view(pa.utf8())
    start = pa.array([1, None, (1 << 62) + 1], pa.timestamp("ns"))
    pq.write_table(pa.table({"url": url, "start": start}), tmp_path / "list.parquet")
    assert [(i.bad or ("",))[0] for i in _list(tmp_path / "list.parquet")] == ["bad_sidecar", "bad_line", "bad_sidecar"]


@pytest.mark.slow
def test_a_parquet_bomb_costs_a_child_and_names_the_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000 rows that share one caption of a megabyte: 60 kilobytes."""
    monkeypatch.setattr(parquet, "LIMITS", Limits(memory_bytes=2 << 30, cpu_s=3, wall_s=60.0))
    bomb = pa.DictionaryArray.from_arrays(pa.array([0] * 20_000, pa.int32()), pa.array(["x" * (1 << 20)]))
    pq.write_table(pa.table({"url": bomb}), tmp_path / "list.parquet", compression="zstd")
    assert (tmp_path / "list.parquet").stat().st_size < 1 << 20
    with pytest.raises(UsageError, match=r"list\.parquet.*(decoder_memory|bad_parquet|decoder_timeout|too_large)"):
        _list(tmp_path / "list.parquet")


def test_a_list_is_bounded_and_its_long_lines_cost_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = json.dumps({"url": "https://a.example/1.mp4"})
    (tmp_path / "list.jsonl").write_text("\n".join(["x" * 1_000_000, good, "y" * 100_001, good, "z" * 300_000]))
    assert [(i.bad or ("",))[0] for i in _list(tmp_path / "list.jsonl")] == ["bad_line", "", "bad_line", "", "bad_line"]
    monkeypatch.setattr(url_list, "LIST_BYTES", 1_000_000)
    with pytest.raises(UsageError, match="the limit is 1000000"):
        _list(tmp_path / "list.jsonl")


def test_a_list_of_another_format_or_nowhere_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "list.xls").write_bytes(b"")
    with pytest.raises(UsageError, match=r"not one of \.csv"):
        _list(tmp_path / "list.xls")
    with pytest.raises(UsageError, match="is not there"):
        _list(tmp_path / "list.csv")


def test_what_goes_while_it_is_listed_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.mp4", "a.mp4.json", "b.mp4"):
        (tmp_path / name).write_bytes(b"{}")
    (tmp_path / "dangling.mp4").symlink_to("nothing")
    (tmp_path / "loop.mp4").symlink_to("loop.mp4")
    os.mkfifo(tmp_path / "pipe.mp4")
    whole = _folder(tmp_path)["a.mp4"].revision

    def gone(uri: str) -> bytes:
        raise FileNotFoundError(uri)

    monkeypatch.setattr("pipelines.sources.recordings.folder.objects.read_bytes", gone)
    items = _folder(tmp_path)
    assert sorted(items) == ["a.mp4", "b.mp4"]
    assert items["a.mp4"].bad is None
    assert items["a.mp4"].revision == whole.partition("+")[0]


def test_a_password_in_a_url_reaches_no_row(tmp_path: Path) -> None:
    urls = [
        "https://me:hunter2@example.com/a.mp4",
        "ftp://hunter2@example.com/a.mp4",
        "https://example.com/@hunter/a.mp4",
    ]
    (tmp_path / "list.csv").write_text("\n".join(["url", *urls]))
    items = _list(tmp_path / "list.csv")
    assert [i.bad is None for i in items] == [False, False, True]
    assert "hunter2" not in repr(items)


def test_a_prefix_does_not_bring_in_its_neighbour(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("media/a.mp4", "media_private/b.mp4", "media.mp4")
    listed = [ObjectInfo(f"s3://b/{name}", 1, "e", 0) for name in names]
    monkeypatch.setattr("pipelines.sources.recordings.folder.objects.list_objects", lambda prefix: iter(listed))
    for uri, expected in (("s3://b/media", names[:1]), ("s3://b/media/", names[:1]), ("s3://b/media.mp4", names[2:])):
        assert [i.uri for i in kind_of("folder").list(Source("folder", uri))] == [f"s3://b/{name}" for name in expected]


def test_linked_folders_are_entered_once_and_loops_end(tmp_path: Path) -> None:
    media, disk = tmp_path / "media", tmp_path / "disk"
    for path in (media / "here" / "a.mp4", disk / "b.mp4", disk / "deep" / "c.mp4"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (media / "kitchen").symlink_to(disk)
    (media / "same").symlink_to(disk)
    (media / "self").symlink_to(media)
    (disk / "back").symlink_to(media)
    items = kind_of("folder").list(Source("folder", str(media)))
    assert [Path(i.uri).relative_to(media).as_posix() for i in items] == [
        "here/a.mp4", "kitchen/b.mp4", "kitchen/deep/c.mp4",
    ]  # fmt: skip


SIGNED = (
    "X-Amz-Algorithm=A&X-Amz-Credential=B&X-Amz-Date=C&X-Amz-Expires=1&X-Amz-Signature=S", "Expires=1&Signature=S",
    "sig=S&sv=1&se=2&sp=r", "token=S", "Policy=P&Key-Pair-Id=K&Signature=S", "x-goog-signature=S", "%73ig=S&sv=1",
)  # fmt: skip


@pytest.mark.parametrize("signed", SIGNED)
@pytest.mark.parametrize("own", ["", "id=7", "a=%2F&b=&c", "st=1"])
def test_a_signature_is_no_part_of_a_uri(signed: str, own: str) -> None:
    plain = f"https://a.example/v.mp4{'?' + own if own else ''}"
    azure = "sv=" in signed
    if not (azure and own == "st=1"):
        assert unsigned(f"https://a.example/v.mp4?{own}{'&' if own else ''}{signed}") == plain
        assert unsigned(f"https://a.example/v.mp4?{signed}{'&' if own else ''}{own}#t=3") == f"{plain}#t=3"


@given(st.text("ab=&?#%/st", max_size=30))
def test_a_url_without_a_signature_stays_as_it_is(text: str) -> None:
    assert unsigned(f"https://a.example/{text}") == f"https://a.example/{text}"


def test_a_signed_url_is_fetched_whole_and_kept_without(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("url\nhttps://a.example/v.mp4?id=7&sig=secret\nhttps://a.example/w.mp4?id=7\n")
    signed, plain = kind_of("url_list").list(Source("url_list", str(tmp_path / "list.csv")))
    assert (signed.uri, signed.signed_uri) == (
        "https://a.example/v.mp4?id=7", "https://a.example/v.mp4?id=7&sig=secret",
    )  # fmt: skip
    assert (plain.uri, plain.signed_uri) == ("https://a.example/w.mp4?id=7", None)
    assert "secret" not in repr(signed)
