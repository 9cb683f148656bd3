"""The release format: digests see every change and no order, names are names, pins come back as they went."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pyarrow as pa
import pytest
from handwheel import format as fmt
from hypothesis import given, settings
from hypothesis import strategies as st

# A busy machine breaks the default deadline, which says nothing of the code.
BUSY = settings(deadline=None, max_examples=60)
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
NAMES = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,30}\Z")
FLOATS = st.none() | st.lists(st.floats(width=32, allow_nan=False), max_size=4)
WORDS = st.none() | st.text(st.characters(codec="utf-8"), max_size=4)
ROWS = st.fixed_dictionaries(
    {
        "clip_id": st.text("abc", min_size=1, max_size=3), "camera": WORDS, "caption": WORDS, "task": WORDS,
        "frame_ns": st.lists(st.integers(0, 2**62), max_size=3), "split": st.sampled_from(["train", "val"]),
        "outcome": st.sampled_from([None, "success", "failure", "unknown"]),
        "video_sha256": st.text("01", min_size=1, max_size=3), "states": FLOATS, "actions": FLOATS,
        "control_source": st.none() | st.lists(WORDS, max_size=2),
        "intervention": st.none() | st.lists(st.none() | st.booleans(), max_size=2),
    }
)  # fmt: skip
FIELDS = ("clip_id", "camera", "caption", "task", "frame_ns", "split", "outcome", "video_sha256", "states",
          "actions", "control_source", "intervention")  # fmt: skip


def told_apart(value: Any) -> str:
    """What a digest may not confuse: -0.0 is not 0.0, None is not [] and True is not 1."""
    return repr(value)


@BUSY
@given(ROWS, ROWS, st.sampled_from(FIELDS))
def test_a_change_of_one_field_changes_the_digest_and_the_root(
    row: dict[str, Any], other: dict[str, Any], field: str
) -> None:
    changed = row | {field: other[field]}
    same = told_apart(row[field]) == told_apart(changed[field])
    assert (fmt.row_digest(row) == fmt.row_digest(changed)) == same
    roots = [fmt.merkle_root([fmt.row_digest(r), "another"]) for r in (row, changed)]
    assert (roots[0] == roots[1]) == same


@BUSY
@given(ROWS)
def test_a_row_digests_alike_before_and_after_arrow(row: dict[str, Any]) -> None:
    schema = pa.schema([fmt.VIEW_SCHEMA.field(name) for name in row])
    back = pa.Table.from_pylist([row], schema=schema).to_pylist()[0]
    assert fmt.row_digest(back) == fmt.row_digest(row)
    assert fmt.row_digest(back | {"video": b"x", "row_sha256": "y", "licence": "z"}) == fmt.row_digest(row)


def test_the_row_digest_is_the_documented_one() -> None:
    row = {"clip_id": "c", "frame_ns": [0, 5], "split": "val", "video_sha256": "v", "actions": [1.5, -2.0]}
    floats = hashlib.sha256(bytes.fromhex("0000c03f000000c0")).hexdigest()
    text = (
        f'{{"actions":"{floats}","camera":null,"caption":null,"clip_id":"c","control_source":null,'
        '"frame_ns":[0,5],"intervention":null,"outcome":null,"split":"val","states":null,"task":null,'
        '"video_sha256":"v"}'
    )
    assert fmt.row_digest(row) == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("field", ["clip_id", "frame_ns", "split", "video_sha256"])
def test_a_row_without_its_identity_has_no_digest(field: str) -> None:
    row = {"clip_id": "c", "frame_ns": [0], "split": "val", "video_sha256": "v"}
    with pytest.raises(ValueError, match=field):
        fmt.row_digest(row | {field: None})


@BUSY
@given(st.lists(HEX, max_size=9), st.randoms())
def test_the_root_does_not_depend_on_the_order(leaves: list[str], random: Any) -> None:
    shuffled = list(leaves)
    random.shuffle(shuffled)
    assert fmt.merkle_root(shuffled) == fmt.merkle_root(leaves)


@BUSY
@given(st.lists(st.text("ab", max_size=2), max_size=6), st.lists(st.text("ab", max_size=2), max_size=6))
def test_different_leaves_have_different_roots(one: list[str], two: list[str]) -> None:
    assert (fmt.merkle_root(one) == fmt.merkle_root(two)) == (sorted(one) == sorted(two))


@BUSY
@given(st.lists(HEX, min_size=2, max_size=5))
def test_a_node_is_no_leaf(leaves: list[str]) -> None:
    assert fmt.merkle_root([fmt.merkle_root(leaves)]) != fmt.merkle_root(leaves)


def test_no_rows_have_a_root() -> None:
    assert fmt.check_sha256(fmt.merkle_root([])) != fmt.merkle_root([""])


@BUSY
@given(st.dictionaries(NAMES, HEX, max_size=3), st.dictionaries(st.text(max_size=3), st.integers() | WORDS))
@pytest.mark.slow
def test_the_id_is_of_recipe_and_roots_and_survives_json(roots: dict[str, str], recipe: dict[str, Any]) -> None:
    found = fmt.release_id(recipe, roots)
    reread = json.loads(json.dumps({"recipe": recipe, "roots": dict(reversed(roots.items()))}, indent=2))
    assert fmt.release_id(reread["recipe"], reread["roots"]) == found
    assert fmt.release_id(recipe | {"another": 1}, roots) != found
    assert fmt.release_id(recipe, roots | {"another-view": "0" * 64}) != found


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}])
def test_what_json_cannot_say_is_no_recipe(value: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        fmt.release_id({"a": value}, {})


PINS = st.builds(
    fmt.Pin, root=st.text(st.characters(codec="utf-8"), min_size=1), release=NAMES, id=HEX, files_sha256=HEX
)


@BUSY
@given(PINS)
def test_a_pin_comes_back(pin: fmt.Pin) -> None:
    assert fmt.Pin.loads(pin.dumps()) == pin
    assert fmt.Pin.loads("# for the arm\n" + pin.dumps()) == pin


PIN = fmt.Pin(root="s3://b/p", release="2026-11-21.1", id="0" * 64, files_sha256="1" * 64)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("format = 1", "format = 2"), ("format = 1\n", ""), ("2026-11-21.1", "../x"), ("0" * 64, "0" * 63),
        ("1" * 64, "G" * 64), ('root = "s3://b/p"\n', ""), ('root = "s3://b/p"', "root = 7"),
        ("root", "mode = 1\nroot"), ("format", "= format"),
    ],
)  # fmt: skip
def test_a_damaged_pin_is_refused(old: str, new: str) -> None:
    assert old in PIN.dumps()
    with pytest.raises(ValueError, match=r".+"):
        fmt.Pin.loads(PIN.dumps().replace(old, new, 1))


HOSTILE = [
    "", ".", "..", "../x", "a/b", "a\\b", "/a", "-x", "_x", "a\n", "a\0", "é", "a b", "~", "C:", "x" * 129,
]  # fmt: skip
OUTSIDE = ["", "/a", "a//b", "../a", "a/../b", "a/.", "a\\b", "C:/a", "a\n", "a/", "a\0"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_refused(name: str) -> None:
    for use in (fmt.release_folder, fmt.pin_file, fmt.dataset_folder):
        with pytest.raises(ValueError, match="digits"):
            use(name)
    with pytest.raises(ValueError, match="digits"):
        fmt.release_id({}, {name: "0" * 64})


@BUSY
@given(st.text(max_size=8))
def test_an_accepted_name_stays_in_its_folder(name: str) -> None:
    try:
        folder = fmt.release_folder(name)
    except ValueError:
        return
    assert folder == f"releases/{name}"
    assert not set(name) & set("/\\:\0 ")
    assert name.strip(".")


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_listed_path_stays_in_the_release(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        fmt.FileEntry(path, 1, "0" * 64)


ENTRIES = st.builds(fmt.FileEntry, NAMES, st.integers(0, 2**50), HEX)


@BUSY
@given(st.lists(ENTRIES, max_size=4, unique_by=lambda e: e.path), st.randoms())
def test_the_file_list_comes_back_sorted(entries: list[fmt.FileEntry], random: Any) -> None:
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert fmt.dump_files(shuffled) == fmt.dump_files(entries)
    assert fmt.load_files(fmt.dump_files(entries)) == sorted(entries)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"{}", b'{"files":[{}]}', b'{"files": []}', b'{"files":[],"x":1}', b"\xff",
        b'{"files":[{"path":"../a","sha256":"' + b"0" * 64 + b'","size_bytes":1}]}',
        b'{"files":[{"path":"a","sha256":"' + b"0" * 64 + b'","size_bytes":-1}]}',
    ],
)  # fmt: skip
def test_another_file_list_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        fmt.load_files(data)
