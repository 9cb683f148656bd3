"""Rows of NumPy archives: the values that numpy gives, of objects and of plain arrays; anything else refused."""

from __future__ import annotations

import random
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.readers import npz_rows
from schemas.errors import BadMedia
from tests.support.fuzzed import INPUTS

ROWS = [{"joint": [1.5, -2.0], "grip": 0.25, "word": "left"}, {"joint": [3.0, 4.0], "grip": 1, "word": "right"}]
WANTED = ("joint", "grip", "gone")


@pytest.mark.parametrize("dtype", [list, np.float64, np.float32, ">f8", np.int16])
def test_rows_of_lists_and_of_arrays_are_numpys(tmp_path: Path, dtype: Any) -> None:
    rows = [{**r, "joint": r["joint"] if dtype is list else np.array(r["joint"], dtype)} for r in ROWS]
    np.savez_compressed(tmp_path / "a.npz", data=np.array(rows))
    read = npz_rows.read(tmp_path / "a.npz", WANTED)
    own: Any = np.load(tmp_path / "a.npz", allow_pickle=True)["data"]
    assert np.array_equal(read.columns["joint"], np.stack([r["joint"] for r in own]))
    assert np.array_equal(read.columns["grip"], [[0.25], [1.0]])
    assert (sorted(read.columns), sorted(read.names)) == (["grip", "joint"], ["grip", "joint", "word"])


def test_arrays_by_their_names_are_numpys(tmp_path: Path) -> None:
    joint, grip = np.arange(6, dtype=np.float32).reshape(3, 2), np.array([True, False, True])
    np.savez(tmp_path / "a.npz", joint=joint, grip=grip)
    read = npz_rows.read(tmp_path / "a.npz", WANTED)
    assert np.array_equal(read.columns["joint"], joint)
    assert read.columns["grip"].tolist() == [[1.0], [0.0], [1.0]]


def test_a_row_that_lacks_a_value_has_none(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", data=np.array([ROWS[0], {"grip": 0.5, "joint": None}]))
    read = npz_rows.read(tmp_path / "a.npz", WANTED)
    assert np.isnan(read.columns["joint"][1]).all()
    assert read.columns["grip"].tolist() == [[0.25], [0.5]]


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"data": np.array([ROWS[0], {**ROWS[1], "joint": [1.0]}])}, "ragged_rows"),
        ({"data": np.array([{"joint": ["a"]}])}, "ragged_rows"),
        ({"data": np.array([1.0, 2.0])}, "bad_npz"),
        ({"data": np.array([ROWS, 2], dtype=object)}, "bad_npz"),
        ({"data": np.array([np.random.default_rng(1)])}, "unsafe_pickle"),
        ({"joint": np.zeros((2, 2)), "grip": np.zeros(3)}, "length_mismatch"),
        ({"joint": np.array(["a"])}, "ragged_rows"),
        ({"joint": np.asfortranarray(np.zeros((2, 2)))}, "bad_npz"),
    ],
)
def test_what_is_no_rows_says_why(tmp_path: Path, arrays: dict[str, Any], reason: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(BadMedia) as caught:
        npz_rows.read(tmp_path / "a.npz", WANTED)
    assert caught.value.reason == reason


@pytest.mark.slow
def test_a_bomb_and_no_archive_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("joint.npy", bytes(npz_rows.MAX_BYTES + 1))
    with pytest.raises(BadMedia, match="too_large"):
        npz_rows.read(path, WANTED)
    path.write_bytes(b"PK no archive")
    with pytest.raises(BadMedia, match="bad_npz"):
        npz_rows.read(path, WANTED)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_damage_of_the_pickle_itself_is_refused_or_does_no_harm(tmp_path: Path) -> None:
    """Within an archive that is whole, so that its checksum does not tell."""
    np.savez(tmp_path / "whole.npz", data=np.array(ROWS * 8))
    with zipfile.ZipFile(tmp_path / "whole.npz") as archive:
        whole = archive.read("data.npy")
    reasons = Counter[str]()
    for seed in range(INPUTS):
        chance, made = random.Random(seed), bytearray(whole)
        for _ in range(chance.randrange(1, 5)):
            made[chance.randrange(len(made))] = chance.randrange(256)
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
            archive.writestr("data.npy", bytes(made[: chance.choice([len(made), chance.randrange(len(made))])]))
        try:
            read = npz_rows.read(tmp_path / "a.npz", WANTED)
            reasons["taken"] += all(column.dtype == np.float64 for column in read.columns.values())
        except BadMedia as e:
            reasons[e.reason] += 1
    print(dict(reasons))
    assert reasons.total() == INPUTS
    assert reasons["taken"] < INPUTS
