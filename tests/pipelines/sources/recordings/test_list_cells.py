"""What cells of a list say: captions with their spans, columns under other names, and what is no list of URLs."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from orchestration.config.sections import Config
from pipelines.sources.recordings import Item, Narration, Source, kind_of
from pipelines.sources.recordings.base import ListColumns
from pipelines.sources.recordings.list_cells import narrations_of
from schemas.errors import BadMedia, UsageError

NS = 1_000_000_000
URL = "https://a.example/1.mp4"
TIMES = [["0:00:00.000", "0:00:04.000"], ["0:00:06.000", "0:00:10.500"]]
TEXTS = ["A hand opens a jar.", 'It\'s wiped, said "he".']
BOTH = (Narration(TEXTS[0], 0, 4 * NS), Narration(TEXTS[1], 6 * NS, 10_500_000_000))


def items_of(path: Path, **columns: str) -> list[Item]:
    return list(kind_of("url_list").list(Source("url_list", str(path), columns=ListColumns(**columns))))


def write(path: Path, row: dict[str, Any]) -> Path:
    """One row, lists as each format has them; in CSV as Python prints them."""
    if path.suffix == ".jsonl":
        path.write_text(json.dumps(row))
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([row]), path)
    else:
        with path.open("w", newline="") as file:
            csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",").writerows([row.keys(), row.values()])
    return path


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_lists_in_a_cell_are_narrations_with_their_spans(tmp_path: Path, suffix: str) -> None:
    row = {"videoID": "v", "url": URL, "timestamp": TIMES, "caption": TEXTS, "matching_score": [0.5, 0.6]}
    (item,) = items_of(write(tmp_path / f"list.{suffix}", row))
    assert (item.bad, item.narrations) == (None, BOTH)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_config_names_columns(tmp_path: Path, suffix: str) -> None:
    row = {
        "link": URL,
        "Caption": TEXTS,
        "Start_timestamp": ["0:00", "6"],
        "End_timestamp": [4, 10.5],
        "hash": "AB" * 32,
    }
    row["Start_timestamp"], row["End_timestamp"] = ["0:00:00", "0:00:06"], ["0:00:04", "0:00:10.5"]
    path = write(tmp_path / f"list.{suffix}", row)
    columns = {
        "url": "link",
        "caption": "Caption",
        "start": "Start_timestamp",
        "end": "End_timestamp",
        "sha256": "hash",
    }
    (item,) = items_of(path, **columns)
    assert (item.uri, item.narrations, item.sha256) == (URL, BOTH, "ab" * 32)
    with pytest.raises(UsageError, match=r"no column 'url'; it has link, Caption"):
        items_of(path)
    with pytest.raises(UsageError, match=r"no column 'captions'"):
        items_of(path, url="link", caption="captions")


def test_a_list_without_urls_is_one_message(tmp_path: Path) -> None:
    lines = ["YoutubeID,Start_timestamp,End_timestamp,Caption", *["v1,00:00:01,00:00:05,A hand cuts bread."] * 3]
    (tmp_path / "list.csv").write_text("\n".join(lines))
    with pytest.raises(UsageError, match=r"no column 'url'; it has YoutubeID, .*columns = \{url"):
        items_of(tmp_path / "list.csv")
    (tmp_path / "list.jsonl").write_text('{"YoutubeID": "v1"}\n' * 3000)
    with pytest.raises(UsageError, match=r"no column 'url'; it has YoutubeID"):
        items_of(tmp_path / "list.jsonl")
    (tmp_path / "list.jsonl").write_text('{"YoutubeID": "v1"}\n[1]\n' + json.dumps({"url": URL}))
    assert [(i.bad or ("",))[0] for i in items_of(tmp_path / "list.jsonl")] == ["bad_url", "bad_line", ""]


@pytest.mark.parametrize(
    ("row", "narrations"),
    [
        ({"caption": "['A', 'B']", "timestamp": "[[0, 1], [2, 3]]"}, [("A", 0, 1), ("B", 2, 3)]),
        ({"caption": '["A", "B"]', "start": "[0, 2]", "end": "[1, 3]"}, [("A", 0, 1), ("B", 2, 3)]),
        ({"caption": "A", "timestamp": [{"start": 0, "end": 1}]}, [("A", 0, 1)]),
        ({"caption": ["A", " "], "timestamp": [[0, 1], [2, 3]]}, [("A", 0, 1)]),
        ({"caption": "['A', 'B']"}, [("A", None, None)]),
        ({"caption": ["", "B"]}, [("B", None, None)]),
        ({"caption": "['A', 'B']", "start": 1, "end": 2}, [("A", 1, 2)]),
        ({"caption": "A", "timestamp": "[1, 2]"}, [("A", 1, 2)]),
        ({"caption": "A", "timestamp": "2021-03-01 10:00"}, [("A", None, None)]),
        ({"caption": "A", "end": 2}, [("A", 0, 2)]),
        ({"caption": "A", "start": 2}, [("A", 2, None)]),
        ({"caption": "[music] A hand opens a jar"}, [("[music] A hand opens a jar", None, None)]),
        ({"caption": "[laughs]"}, [("[laughs]", None, None)]),
        ({"caption": "[3]"}, [("[3]", None, None)]),
        ({"timestamp": TIMES}, []),
    ],
)  # fmt: skip
def test_what_cells_say(row: dict[str, Any], narrations: list[tuple[str, int | None, int | None]]) -> None:
    made = narrations_of(row, ListColumns())
    assert [(n.text, *(None if t is None else t / NS for t in (n.start_ns, n.end_ns))) for n in made] == narrations


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"caption": "['A' 'B']"}, "bad_line"),
        ({"caption": "['A', 'B', 'C']", "timestamp": "[[0, 1], [2, 3]]"}, "bad_line"),
        ({"caption": "A", "timestamp": "[[0, 1], [2, 3]]"}, "bad_line"),
        ({"caption": ["A", None], "timestamp": [[0, 1], [2, 3]]}, "bad_line"),
        ({"caption": ["A", "B"], "start": [0, 2], "end": 3}, "bad_line"),
        ({"caption": ["A", "B"], "start": [0, 2], "end": [1]}, "bad_line"),
        ({"caption": ["A", "B"], "timestamp": [[0, 1], [2]]}, "bad_line"),
        ({"caption": ["A", "B"], "timestamp": [[0, 1], [2, None]]}, "bad_line"),
        ({"caption": ["A", "B"], "timestamp": [[0, 1], [3, 2]]}, "bad_sidecar"),
        ({"caption": "A", "start": 3, "end": 2}, "bad_sidecar"),
        ({"caption": "", "start": "soon"}, "bad_sidecar"),
    ],
)  # fmt: skip
def test_cells_that_do_not_fit_are_refused(row: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadMedia) as caught:
        narrations_of(row, ListColumns())
    assert caught.value.reason == reason


CELLS = st.recursive(st.none() | st.text() | st.floats() | st.integers(), lambda x: st.lists(x, max_size=3))


@given(st.fixed_dictionaries({n: CELLS | CELLS.map(str) for n in ("caption", "timestamp", "start", "end")}))
@pytest.mark.slow
def test_no_cell_brings_a_reader_down(row: dict[str, Any]) -> None:
    try:
        made = narrations_of(row, ListColumns())
    except BadMedia:
        return
    assert all(n.text and (n.end_ns is None or n.end_ns >= (n.start_ns or 0)) for n in made)


def test_columns_are_typed_and_a_url_lists_alone() -> None:
    source = {"kind": "url_list", "uri": "list.csv"}
    made = Config.model_validate({"source": [source | {"columns": {"url": "link", "start": "from"}}]}).source[0]
    assert made.columns == ListColumns(url="link", start="from")
    with pytest.raises(ValidationError):
        Config.model_validate({"source": [source | {"columns": {"url": 3}}]})
    with pytest.raises(ValidationError):
        Config.model_validate({"source": [source | {"columns": {"link": "url"}}]})
    with pytest.raises(ValidationError, match="columns are of a url_list"):
        TypeAdapter(Source).validate_python(source | {"kind": "folder", "columns": {"url": "link"}})
