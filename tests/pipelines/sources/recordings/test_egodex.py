"""EgoDex: what each take's .hdf5 says of it, and .hdf5 files that are none or reach for other files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from infra.readers import hdf5
from infra.storage.tables import Store
from pipelines.hop import Run
from pipelines.ingest.hop import ingest
from pipelines.sources.recordings import Item, Narration, Source
from pipelines.staging.options import IngestOptions
from schemas.errors import UsageError
from schemas.keys import key_of
from tests.support.annotated import EGODEX_SAID, INTRINSIC, egodex_hdf5, items_of, put

TAKE = "part1/basic_fold/0"
CAMERA = {"cx_px": 960.0, "cy_px": 540.0, "fx_px": 736.5999755859375, "fy_px": 736.5999755859375, "model": "pinhole"}


def only(root: Path, **said: Any) -> Item:
    put(root / f"{TAKE}.mp4")
    egodex_hdf5(root / f"{TAKE}.hdf5", {k: v for k, v in (EGODEX_SAID | said).items() if v is not None})
    return items_of("egodex", root)[f"{TAKE}.mp4"]


def test_a_take_has_its_description_and_camera(tmp_path: Path) -> None:
    item = only(tmp_path)
    assert item.narrations == (Narration("Fold the towel."),)
    assert json.loads(item.intrinsics_json or "") == CAMERA
    assert (item.stage, item.licence, item.wearer, item.site, item.bad) == ("ego", "CC-BY-NC-ND-4.0", None, None, None)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"which_llm_description": "2"}, "Unfold the towel."),
        ({"which_llm_description": 2}, "Unfold the towel."),
        ({"which_llm_description": "2", "llm_description2": None}, "Fold the towel."),
        ({"which_llm_description": None}, "Fold the towel."),
        ({"llm_description": b"Fold it.", "llm_description2": None}, "Fold it."),
        ({"llm_description": None}, "basic fold"),
        ({"llm_description": "  ", "task": None}, "basic fold"),
        ({"llm_description": np.arange(5)}, "basic fold"),
        ({"llm_description": "x" * 100_000}, "x" * 2000),
    ],
)
@pytest.mark.slow
def test_the_words_are_those_of_the_direction_that_was_done(tmp_path: Path, said: dict[str, Any], text: str) -> None:
    assert only(tmp_path, **said).narrations == (Narration(text),)


def test_confidences_and_any_depth_of_folder_and_missing_halves(tmp_path: Path) -> None:
    for name in ("basic_fold/1", "test/basic_fold/1", "a/b/c/2"):
        put(tmp_path / f"{name}.mp4")
        egodex_hdf5(tmp_path / f"{name}.hdf5", EGODEX_SAID, confidences=False)
    put(tmp_path / "basic_fold/7.mp4")
    egodex_hdf5(tmp_path / "basic_fold/8.hdf5", EGODEX_SAID)
    items = items_of("egodex", tmp_path)
    assert {n: len(i.narrations) for n, i in items.items()} == {
        "a/b/c/2.mp4": 1, "basic_fold/1.mp4": 1, "basic_fold/7.mp4": 0, "test/basic_fold/1.mp4": 1,
    }  # fmt: skip


@pytest.mark.parametrize("matrix", [None, np.eye(4), np.full((3, 3), np.nan), np.eye(3, dtype=complex), np.float32(3)])
def test_a_camera_that_is_none_is_left_out_and_told(tmp_path: Path, matrix: Any) -> None:
    put(tmp_path / f"{TAKE}.mp4")
    egodex_hdf5(tmp_path / f"{TAKE}.hdf5", EGODEX_SAID, intrinsic=matrix)
    items = items_of("egodex", tmp_path)
    assert (items[f"{TAKE}.mp4"].intrinsics_json, items[f"{TAKE}.mp4"].bad) == (None, None)
    told = items.get(f"{TAKE}.hdf5#hdf5")
    assert (told and told.bad and told.bad[0]) == (None if matrix is None else "bad_annotation")


def hostile(folder: Path) -> dict[str, bytes | None]:
    """Bytes of files that are no .hdf5; None where the file was written."""
    secret = put(folder / "secret", b"\x00" * 36 + b"root:x:0:0")
    with h5py.File(folder / "elsewhere.h5", "w") as other:
        other["camera/intrinsic"] = INTRINSIC
    for name, make in {
        "raw": lambda f: f.create_dataset("camera/intrinsic", (3, 3), "f4", external=[(str(secret), 0, 36)]),
        "linked": lambda f: f.__setitem__("camera", h5py.ExternalLink(str(folder / "elsewhere.h5"), "/camera")),
        "soft": lambda f: f.__setitem__("camera/intrinsic", h5py.SoftLink("/somewhere")),
        "chunks": lambda f: f.create_dataset(
            "camera/intrinsic", (3, 3), "f4", maxshape=(None, None), chunks=(1 << 13, 1 << 13), compression="gzip"
        ),
        "large": lambda f: f.create_dataset("camera/intrinsic", (1 << 20, 1 << 20), "f4"),
        "group": lambda f: f.create_group("camera/intrinsic"),
    }.items():
        with h5py.File(folder / f"{name}.hdf5", "w") as file:
            file.attrs["llm_description"] = "Fold the towel."
            make(file)
    layout = h5py.VirtualLayout((3, 3), "f4")
    layout[:] = h5py.VirtualSource(str(folder / "elsewhere.h5"), "camera/intrinsic", (3, 3))
    with h5py.File(folder / "virtual.hdf5", "w") as file:
        file.create_virtual_dataset("camera/intrinsic", layout)
    whole = egodex_hdf5(folder / "whole.h5", EGODEX_SAID).read_bytes()
    written: dict[str, bytes | None] = dict.fromkeys(["raw", "linked", "soft", "chunks", "large", "group", "virtual"])
    return written | {
        "empty": b"", "text": b"<html>", "lfs": b"version https://git-lfs", "cut": whole[: len(whole) // 2],
        "nothing": b"\x89HDF\r\n\x1a\n" + b"\xff" * 4000,
    }  # fmt: skip


def test_hostile_files_cost_their_words_are_told_and_read_no_other_file(tmp_path: Path) -> None:
    task = tmp_path / "fold_towel"
    task.mkdir()
    files = hostile(task)
    for name, data in files.items():
        put(task / f"{name}.mp4")
        if data is not None:
            put(task / f"{name}.hdf5", data)
    put(task / "fine.mp4")
    egodex_hdf5(task / "fine.hdf5", EGODEX_SAID)
    items = items_of("egodex", task)
    assert items["fine.mp4"].narrations == (Narration("Fold the towel."),)
    told = {n.split(".")[0]: i.bad for n, i in items.items() if i.bad}
    assert set(told) == set(files)
    assert {bad[0] for bad in told.values() if bad} == {"bad_annotation"}
    for name in told:
        assert items[f"{name}.mp4"].narrations == (Narration("fold towel"),)
        assert items[f"{name}.mp4"].intrinsics_json is None
        assert items[f"{name}.mp4"].bad is None


def test_other_words_change_their_own_takes_revision_alone(tmp_path: Path) -> None:
    for n in range(3):
        put(tmp_path / f"fold/{n}.mp4")
        egodex_hdf5(tmp_path / f"fold/{n}.hdf5", EGODEX_SAID)
    before = {n: i.revision for n, i in items_of("egodex", tmp_path).items()}
    egodex_hdf5(tmp_path / "fold/1.hdf5", EGODEX_SAID | {"llm_description": "Roll the towel."})
    after = {n: i.revision for n, i in items_of("egodex", tmp_path).items()}
    assert [n for n in before if before[n] != after[n]] == ["fold/1.mp4"]


@pytest.mark.slow
def test_a_listing_opens_no_file_and_a_run_those_of_new_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    heads = hdf5.read_heads
    monkeypatch.setattr(
        hdf5, "read_heads", lambda files, *a: (opened.extend(f.stem for f in files), heads(files, *a))[1]
    )
    run = Run(Store(str(tmp_path / "root")), "one")
    source = Source("egodex", str(tmp_path / "media"))
    for new in (["0", "1"], [], ["2"]):
        opened.clear()
        for n in new:
            put(tmp_path / f"media/fold/{n}.mp4", b"no media")
            egodex_hdf5(tmp_path / f"media/fold/{n}.hdf5", EGODEX_SAID)
        ingest(run, [source], IngestOptions())
        assert opened == new


def test_a_folder_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not there"):
        items_of("egodex", tmp_path / "nowhere")


def test_a_name_that_is_no_text_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    put(folder / "0.mp4")
    egodex_hdf5(folder / "0.hdf5", EGODEX_SAID)
    put(folder / "1.mp4")
    put(folder / "1.hdf5", b"x")
    only(tmp_path)
    items = list(items_of("egodex", tmp_path).values())
    assert sorted((i.bad or ("",))[0] for i in items) == ["", "bad_name", "bad_name"]
    for item in items:
        key_of(item.uri, item.revision, *[n.text for n in item.narrations])
