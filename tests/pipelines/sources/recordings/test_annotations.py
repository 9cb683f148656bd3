"""What annotated corpora share: JSON by record, spans about points, ids and bounds."""

from __future__ import annotations

import io
import json
import random
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioning.facts import narration_of
from pipelines.sources.recordings.annotations import about_points, identity, open_annotation, spans_of_points, time_ns
from pipelines.sources.recordings.json_records import records
from schemas.errors import BadMedia, UsageError
from schemas.spans import NS

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def read(text: str | bytes, inside: str | None = None) -> list[tuple[Any, Any]]:
    return list(records(io.BytesIO(text.encode() if isinstance(text, str) else text), inside))


class Trickle(io.BytesIO):
    """A file that gives a few bytes at a time, so that values and characters are cut everywhere."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(3)


@settings(max_examples=60, deadline=None)
@given(value=st.dictionaries(st.text(max_size=5), JSON, max_size=4) | st.lists(JSON, max_size=4), ascii=st.booleans())
def test_records_are_those_of_the_whole_file(value: Any, ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii, indent=1)
    whole = json.loads(text)
    members = [(k, v) for k, v in whole.items() if not isinstance(v, list)] if isinstance(whole, dict) else None
    expected = members if members is not None else list(enumerate(whole))
    for file in (io.BytesIO(text.encode()), Trickle(text.encode())):
        assert list(records(file)) == expected


def test_a_container_is_opened_and_other_arrays_are_passed_over() -> None:
    text = '{"date": "x", "clips": [[1], {"a": 2}], "videos": [{"u": 1}, {"u": 2}], "about": {"n": 3}, "none": []}'
    assert read(text, "videos") == [("date", "x"), (0, {"u": 1}), (1, {"u": 2}), ("about", {"n": 3})]
    assert read('\ufeff {"videos": {"a": [1], "b": 12}}', "videos") == [("a", [1]), ("b", 12)]
    assert read("[]") == read("{}") == read(' {"videos": []} ', "videos") == []
    assert read(b'{"a": "caf\xe9"}') == [("a", "caf\ufffd")]


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "{", "[1", '{"a"', '{"a":', '{"a": 1', '{"a": 1,', "[1,]", "[1 2]", '{"a" 1}', "{1: 2}", "[1]]",
        '{"videos": [1, 2}', "nonsense", "12", '"text"', "[" * 100_000, '{"a": ' * 100_000, "[tru]", '["',
    ],
)  # fmt: skip
def test_what_is_no_json_or_cut_short_is_an_error_and_no_crash(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(text, "videos")


@pytest.mark.parametrize("seed", range(40))
def test_damage_anywhere_ends_as_records_or_an_error(seed: int) -> None:
    rng = random.Random(seed)
    whole = json.dumps({"videos": [{"at": i, "text": "caf\u00e9", "list": [[]]} for i in range(30)], "clips": [1]})
    data = bytearray(whole.encode())
    for _ in range(rng.randrange(1, 4)):
        data[rng.randrange(len(data))] = rng.choice(b'[]{},:"\\0eE-.x\xff\x00')
    try:
        found = list(records(Trickle(bytes(data)), "videos"))
    except ValueError:
        return
    assert len(found) <= 32


def test_a_number_of_many_digits_is_no_number_and_costs_no_other_record() -> None:
    (_, first), (_, second) = read('[{"at": ' + "9" * 10_000 + '}, {"at": 2}]')
    assert first["at"] != first["at"]
    assert second == {"at": 2}


def test_a_record_over_the_bound_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.sources.recordings.json_records.RECORD_CHARACTERS", 2 << 20)
    assert read('["' + "x" * (1 << 20) + '"]')
    with pytest.raises(ValueError, match="Unterminated"):
        read('["' + "x" * (8 << 20) + '", 1]')


@pytest.mark.slow
def test_memory_holds_a_record_and_not_the_file() -> None:
    one = json.dumps({"text": "x" * 1000})
    file = io.BytesIO(("[" + ",".join([one] * 30_000) + "]").encode())
    tracemalloc.start()
    count = sum(1 for _ in records(file))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 30_000
    assert peak < 8 << 20 < len(file.getvalue()) / 3


def test_the_span_about_a_point_is_egovlps() -> None:
    """A row that EgoVLP's README prints: a narration at 3.3445 s has the clip 2.967651 to 3.721266 s."""
    width = 0.753615
    apart_ns = round(width * 4.9 * NS)
    at_ns = 3_344_458_500
    (_, (start, end), _) = spans_of_points([at_ns - apart_ns, at_ns, at_ns + apart_ns])
    assert (start / NS, end / NS) == (pytest.approx(2.967651, abs=1e-6), pytest.approx(3.721266, abs=1e-6))


@given(times=st.lists(st.integers(0, 10**13), max_size=30).map(sorted))
def test_a_points_span_has_it_in_the_middle_and_is_no_longer_than_the_bound(times: list[int]) -> None:
    spans = spans_of_points(times)
    assert [(start + end) // 2 for start, end in spans] == times
    assert all(0 <= start <= end and end - start <= 5 * NS for start, end in spans)


def test_a_point_speaks_for_the_span_around_it() -> None:
    told = [
        {"text": n.text, "start_ns": n.start_ns, "end_ns": n.end_ns}
        for n in about_points([(40 * NS, "C cuts"), (0, "C waits"), (20 * NS, "C stirs")])
    ]
    assert narration_of(told, 15 * NS, 30 * NS) == "C stirs"
    assert narration_of(told, 0, 50 * NS) == "C waits. C stirs. C cuts"
    assert narration_of(told, 21 * NS, 22 * NS) == "C stirs", "a short span beside a sparse point has its words"
    assert narration_of(told, 30 * NS, 33 * NS) is None
    assert narration_of(told, 0, 1 * NS) == "C waits"


@pytest.mark.parametrize("value", [None, "", "soon", float("nan"), float("inf"), -1, 1e9, True, [1], {"a": 1}])
def test_what_is_no_time_is_refused(value: object) -> None:
    with pytest.raises(BadMedia) as caught:
        time_ns(value, "at")
    assert caught.value.reason == "bad_annotation"


def test_ids_carry_their_corpus_and_nothing_is_no_id() -> None:
    assert identity("ego4d", 7) == identity("ego4d", "7") == "ego4d/7"
    assert [identity("ego4d", v) for v in (None, "", True, 1.5, [1])] == [None] * 5


def test_annotation_files_have_a_bound_and_must_be_there(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"12345")
    with pytest.raises(UsageError, match=r"has 5 bytes; the limit is 4"), open_annotation(str(file), 4):
        pass
    with pytest.raises(UsageError, match="it is not there"), open_annotation(str(tmp_path / "b.json")):
        pass
    with pytest.raises(UsageError, match="it is not there"), open_annotation(str(tmp_path)):
        pass
