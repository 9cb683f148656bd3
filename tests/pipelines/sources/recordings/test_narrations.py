"""Spans that sidecars state hold for their span, under the names that tools give them; what is no span is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.sources.recordings import Item, Narration, Source, list_items, resolve_sidecars
from pipelines.sources.recordings.narrations import narrations_in
from schemas.errors import BadMedia
from tests.support.archives import tar

NS = 1_000_000_000
SAID = [("Opens the jar.", 0, 2), ("Wipes the table.", 3, 5)]
BOTH = tuple(Narration(text, start * NS, end * NS) for text, start, end in SAID)


@pytest.mark.parametrize(
    "said",
    [
        {"narrations": [{"text": t, "start_s": s, "end_s": e} for t, s, e in SAID]},
        {"narrations": [{"text": t, "start": s, "end": e} for t, s, e in SAID]},
        {"narrations": [{"caption": t, "start_time": str(s), "end_time": f"0:0{e}"} for t, s, e in SAID]},
        {"narrations": [{"text": t, "timestamp": [s, e]} for t, s, e in SAID]},
        {"narrations": [{"text": t, "start": s, "duration": e - s} for t, s, e in SAID]},
        {"narrations": [*[{"text": t, "start": s, "end": e} for t, s, e in SAID], {"text": " ", "start": 5, "end": 6}]},
        {
            "text": " Opens the jar. Wipes the table.",
            "language": "en",
            "segments": [
                {"id": i, "seek": 0, "start": s, "end": e, "text": " " + t, "tokens": [1], "temperature": 0.0}
                for i, (t, s, e) in enumerate(SAID)
            ],
        },
        {"captions": [{"text": t, "start": s, "end": e} for t, s, e in SAID]},
        {"captions": [t for t, _, _ in SAID], "start": [0, 3], "end": [2, 5]},
        {"caption": [t for t, _, _ in SAID], "timestamp": [[s, e] for _, s, e in SAID]},
    ],
)
def test_spans_under_any_of_their_names(said: dict[str, Any]) -> None:
    assert narrations_in(said) == BOTH


@pytest.mark.parametrize(
    ("said", "narrations"),
    [
        ({"caption": ["Cuts bread.", "A person cuts bread."]}, [Narration("Cuts bread.")]),
        ({"caption": "Cuts bread.", "start": 1, "end": 2}, [Narration("Cuts bread.", NS, 2 * NS)]),
        ({"caption": "Cuts bread.", "timestamp": "2021-03-01"}, [Narration("Cuts bread.")]),
        ({"caption": "Cuts bread.", "duration": 12}, [Narration("Cuts bread.")]),
        ({"text": "Cuts bread."}, [Narration("Cuts bread.")]),
        ({"text": {"en": 1}, "narrations": None}, []),
        ({"narrations": "Cuts bread."}, [Narration("Cuts bread.")]),
        ({"narrations": [{"text": "Cuts.", "timestamp": 3}]}, [Narration("Cuts.", 3 * NS, None)]),
        ({"narrations": [{"text": "Cuts.", "end_s": 3, "speaker_gender": "f"}]}, [Narration("Cuts.", 0, 3 * NS)]),
        ({"caption": None}, []),
        ({"caption": ""}, []),
    ],
)
def test_what_a_sidecar_says(said: dict[str, Any], narrations: list[Narration]) -> None:
    assert list(narrations_in(said)) == narrations


@pytest.mark.parametrize(
    "said",
    [
        {"narrations": [{"text": "x", "start_s": 2.0, "end_s": 1.0}]},
        {"narrations": [{"text": "x", "start": 2.0, "end": 1.0}]},
        {"narrations": [{"text": "x", "timestamp": [2, 1]}]},
        {"narrations": [{"text": "x", "start": 2.0, "duration": -1}]},
        {"narrations": [{"text": "x", "start_ms": 2000, "end_ms": 3000}]},
        {"narrations": [{"text": "x", "startTime": 2, "endTime": 3}]},
        {"narrations": [{"text": "x", "from": 2, "to": 3}]},
        {"narrations": [{"text": "x", "start_frame": 20}]},
        {"narrations": {"text": "x"}},
        {"caption": ["A", "B"], "timestamp": [[0, 1], [2, 3], [4, 5]]},
        {"caption": {"en": "x"}},
        {"caption": "x", "start": 2, "end": 1},
    ],
)
def test_what_is_no_span_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(BadMedia) as caught:
        narrations_in(said)
    assert caught.value.reason == "bad_sidecar"


def listed(folder: Path, kind: str) -> list[Item]:
    return list(resolve_sidecars(list(list_items([Source(kind, str(folder), stage="ego")]))))


@pytest.mark.parametrize("kind", ["folder", "webdataset"])
@pytest.mark.parametrize("caption", [None, "", " "])
def test_the_text_speaks_where_the_json_says_nothing(tmp_path: Path, kind: str, caption: str | None) -> None:
    files = {
        "b.mp4": b"x",
        "b.json": json.dumps({"url": "x", "caption": caption, "licence": "MIT"}).encode(),
        "b.txt": b"Stirs the soup.",
        "c.mp4": b"x",
        "c.json": b'{"caption": "Cuts bread."}',
        "c.txt": b"Not this.",
    }
    if kind == "webdataset":
        tar(tmp_path / "a.tar", files)
    for name, data in files.items() if kind == "folder" else ():
        (tmp_path / name).write_bytes(data)
    b, c = listed(tmp_path, kind)
    assert (b.narrations, b.licence) == ((Narration("Stirs the soup."),), "MIT")
    assert c.narrations == (Narration("Cuts bread."),)


def test_each_of_two_sidecars_is_part_of_the_revision(tmp_path: Path) -> None:
    (tmp_path / "b.mp4").write_bytes(b"x")
    revisions = []
    for name, text in (("b.json", "{}"), ("b.txt", "Stirs."), ("b.txt", "Stirs it."), ("b.json", '{"site": "lab"}')):
        (tmp_path / name).write_text(text)
        (item,) = listed(tmp_path, "folder")
        revisions.append(item.revision)
    assert len(set(revisions)) == 4
    assert (item.narrations, item.site) == ((Narration("Stirs it."),), "lab")


@pytest.mark.parametrize("gone", ["b.json", "b.txt"])
def test_what_one_sidecar_says_holds_where_the_other_goes(tmp_path: Path, gone: str) -> None:
    said = '{"redacted": [{"start_s": 0, "end_s": 1}]}'
    for name, text in (("b.mp4", "x"), ("b.json", said), ("b.txt", "Stirs.")):
        (tmp_path / name).write_text(text)
    items = list(list_items([Source("folder", str(tmp_path), stage="ego")]))
    (tmp_path / gone).unlink()
    (item,) = resolve_sidecars(items)
    (again,) = listed(tmp_path, "folder")
    assert item == again
    assert bool(item.redacted) == (gone == "b.txt")
