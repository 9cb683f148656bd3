"""Opening a release: what agrees is handed out with truth, what differs by one byte is not."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import handwheel
import numpy as np
import pytest
from handwheel import format as fmt
from handwheel.storage import StorageFolder, storage_options

from tests.support.releases import IDM_VIEW, SIDE_PX, Written, write_release


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_release(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def copy(written: Written, tmp_path: Path) -> Written:
    """The same release, to be damaged; its pin still names the first root, so it is opened with root=."""
    shutil.copytree(written.root, tmp_path / "corpus")
    root = tmp_path / "corpus"
    pin = dataclasses.replace(written.pin, root="..")
    (root / "pins" / "train.pin").write_text(pin.dumps())
    return dataclasses.replace(written, root=root, pin=pin, pin_file=root / "pins" / "train.pin")


def edit(release: Written, **changes: Any) -> None:
    file = release.folder / fmt.RELEASE_FILE
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def flip(file: Path, at: int, bit: int = 0) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 1 << bit
    file.write_bytes(data)


@pytest.mark.parametrize("view", ["wm_ego", IDM_VIEW])
def test_samples_show_what_was_written(written: Written, view: str) -> None:
    opened = handwheel.open(written.pin_file).view(view)
    stored = {r["clip_id"]: r for r in written.rows[view]}
    assert list(opened.clip_ids) == sorted(stored)
    assert len(opened) == len(stored) == 7
    for sample in opened:
        truth, row = written.tracks[sample.clip_id].astype(int), stored[sample.clip_id]
        assert sample.frames.shape == (len(truth), row["height_px"], row["width_px"], 3)
        assert sample.frames.dtype == np.uint8
        for frame, (x, y) in zip(sample.frames, truth, strict=True):
            inside = frame[y : y + SIDE_PX, x : x + SIDE_PX]
            assert abs(inside.mean() - 230) < 6
            rest = (frame.sum(dtype=np.int64) - inside.sum(dtype=np.int64)) / (frame.size - inside.size)
            assert abs(rest - 60) < 6
        assert sample.frame_ns.dtype == np.int64
        assert sample.frame_ns.tolist() == row["frame_ns"]
        for name in ("caption", "stage", "split", "fps_hz", "task", "outcome", "camera", "episode_id"):
            assert getattr(sample, name) == row[name]
        with pytest.raises(ValueError, match="read-only"):
            sample.frames[0] = 0


def test_a_robots_sample_has_its_states_and_actions(written: Written) -> None:
    release = handwheel.open(written.pin_file)
    view = release.view(IDM_VIEW)
    for sample in view:
        truth = written.tracks[sample.clip_id]
        assert sample.states is not None
        assert sample.actions is not None
        assert sample.control_source is not None
        assert sample.intervention is not None
        np.testing.assert_array_equal(sample.states, truth)
        np.testing.assert_array_equal(sample.actions[:-1], np.diff(truth, axis=0))
        assert sample.states.dtype == sample.actions.dtype == np.float32
        assert sample.control_source[-1] is None
        assert sample.intervention[:6] == (True, False, False, False, False, True)
    train = np.concatenate([written.tracks[c] for c in release.view(IDM_VIEW, split="train").clip_ids])
    stats = release.stats[IDM_VIEW]["states"]
    np.testing.assert_allclose(stats["mean"], train.mean(0), rtol=1e-5)
    np.testing.assert_allclose(stats["std"], train.std(0), rtol=1e-5)
    np.testing.assert_array_equal((stats["min"], stats["max"]), (train.min(0), train.max(0)))
    assert stats["count"] == len(train)
    assert release.view("wm_ego")[0].states is None
    assert release.stats["wm_ego"] == {}


def test_a_window_is_a_part_of_the_whole(written: Written) -> None:
    view = handwheel.open(written.pin_file).view(IDM_VIEW)
    longest = max(range(len(view)), key=lambda i: len(view[i].frame_ns))
    whole = view[longest]
    held = len(whole.frame_ns)
    assert held > 20, "windows must reach beyond the first group of 16 pictures"
    for start, count in [(0, 1), (3, 5), (15, 2), (16, 4), (17, 3), (held - 1, 1), (held - 2, 9), (held, 3)]:
        part = view.window(longest, start, count)
        np.testing.assert_array_equal(part.frame_ns, whole.frame_ns[start : start + count])
        assert len(part.frames) == len(part.frame_ns)
        np.testing.assert_array_equal(part.frames, whole.frames[start : start + count])
        assert part.states is not None
        assert whole.states is not None
        np.testing.assert_array_equal(part.states, whole.states[start : start + count])


def test_an_empty_view_is_a_view(tmp_path: Path) -> None:
    release = handwheel.open(write_release(tmp_path, clips=0).pin_file)
    assert release.verify(deep=True).rows == 0
    view = release.view(IDM_VIEW, split="train")
    assert (len(view), list(view), list(view.stream(seed=1, batch_size=2))) == (0, [], [])


def test_splits_share_out_the_view_and_positions_are_checked(written: Written) -> None:
    release = handwheel.open(written.pin_file)
    train, val = (release.view("wm_ego", split=s) for s in ("train", "val"))
    assert sorted(train.clip_ids + val.clip_ids) == list(release.view("wm_ego").clip_ids)
    assert (len(train), len(val)) == (6, 1)
    assert {s.split for s in train} == {"train"}
    assert train[-1].clip_id == train.clip_ids[5]
    for i in (6, -7):
        with pytest.raises(IndexError):
            train[i]
    with pytest.raises(ValueError, match="no split 'test'"):
        release.view("wm_ego", split="test")
    with pytest.raises(ValueError, match="no view 'eval'"):
        release.view("eval")


def test_a_release_opens_by_name_by_pin_and_where_it_was_moved(written: Written, copy: Written) -> None:
    by_name = handwheel.open(written.root, release=written.pin.release)
    assert by_name.pin == written.pin
    moved = handwheel.open(written.pin_file, root=copy.root)
    beside = handwheel.open(copy.pin_file)
    assert by_name.id == moved.id == beside.id == written.pin.id
    assert moved.folder == beside.folder
    assert moved.folder != by_name.folder


def test_a_pickled_view_reads_the_same(written: Written) -> None:
    view = handwheel.open(written.pin_file).view("wm_ego", split="train")
    first = view[0]
    again = pickle.loads(pickle.dumps(view))  # noqa: S301
    assert again.clip_ids == view.clip_ids
    np.testing.assert_array_equal(again[0].frames, first.frames)


FORKING = """
import os, sys, handwheel
view = handwheel.open(sys.argv[1]).view("wm_ego")
assert len(view) == 7
child = os.fork()
if child == 0:
    try:
        len(view)
    except RuntimeError as e:
        os._exit(0 if "spawn" in str(e) else 2)
    os._exit(1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_is_refused(written: Written) -> None:
    client = str(Path(handwheel.__file__).parents[1])
    command = [sys.executable, "-c", FORKING, str(written.pin_file)]
    assert subprocess.run(command, env=os.environ | {"PYTHONPATH": client}, timeout=60).returncode == 0


def test_another_id_or_file_list_in_the_pin_is_refused(copy: Written) -> None:
    for change, said in [({"id": "0" * 64}, "give id"), ({"files_sha256": "0" * 64}, "give files_sha256")]:
        copy.pin_file.write_text(dataclasses.replace(copy.pin, **change).dumps())
        with pytest.raises(handwheel.VerificationError, match=said) as refused:
            handwheel.open(copy.pin_file)
        assert "the pin says 0000" in str(refused.value)
        assert "Next: `handwheel" in str(refused.value)


def test_a_changed_release_json_is_refused(copy: Written) -> None:
    original = json.loads((copy.folder / fmt.RELEASE_FILE).read_text())
    views = original["views"]
    other = {v: told | {"root": "0" * 64} for v, told in views.items()}
    named = {v: told | {"version": "main"} for v, told in views.items()}
    cases: list[dict[str, Any]] = [
        {"id": "0" * 64}, {"recipe": {"encoder": {"crf": 19, "gop": 16}, "policy": "p"}}, {"views": other},
        {"views": {"wm_ego": views["wm_ego"]}}, {"files_sha256": "0" * 64}, {"format": 2}, {"name": "other"},

        {"views": named}, {"views": None}, {"recipe": None},
        {"views": {"../x": views["wm_ego"]}}, {"views": {"wm_ego": {}}},
    ]  # fmt: skip
    for change in cases:
        edit(copy, **original | change)
        for opened in ({"where": copy.pin_file}, {"where": copy.root, "release": copy.pin.release}):
            with pytest.raises(handwheel.VerificationError, match="Next: "):
                handwheel.open(**opened)
    # A forger who makes the id fit is caught by the pin.
    forged = fmt.release_id({}, {v: told["root"] for v, told in views.items()})
    edit(copy, **original | {"recipe": {}, "id": forged})
    with pytest.raises(handwheel.VerificationError, match="the pin says"):
        handwheel.open(copy.pin_file)


def test_a_damaged_or_missing_list_is_refused(copy: Written) -> None:
    file = copy.folder / fmt.FILES_FILE
    flip(file, 30)
    with pytest.raises(handwheel.VerificationError, match="files_sha256"):
        handwheel.open(copy.pin_file)
    for name in (fmt.FILES_FILE, fmt.RELEASE_FILE):
        (copy.folder / name).unlink()
        with pytest.raises(handwheel.VerificationError, match=f"{name} is not there"):
            handwheel.open(copy.pin_file)
    copy.pin_file.write_text("id = 1")
    with pytest.raises(handwheel.VerificationError, match="not a pin"):
        handwheel.open(copy.pin_file)
    with pytest.raises(FileNotFoundError):
        handwheel.open(copy.root / "pins" / "none.pin")


def test_a_missing_or_shorter_file_is_refused_at_first_use(copy: Written) -> None:
    (data,) = copy.folder.glob("wm_ego.lance/data/*.lance")
    whole = data.read_bytes()
    data.write_bytes(whole[:-1])
    release = handwheel.open(copy.pin_file)
    with pytest.raises(handwheel.VerificationError, match=f"{len(whole) - 1} bytes, {len(whole)} listed"):
        len(release.view("wm_ego"))
    assert len(release.view(IDM_VIEW)) == 7
    data.unlink()
    with pytest.raises(handwheel.VerificationError, match="missing"):
        len(release.view("wm_ego"))
    with pytest.raises(handwheel.VerificationError, match="missing"):
        release.verify()


def test_deep_verify_passes_what_was_published(written: Written) -> None:
    seen = handwheel.open(written.pin_file).verify(deep=True)
    inside = [f for f in written.folder.rglob("*") if f.is_file() and f.parent != written.folder]
    sizes = [f.stat().st_size for f in inside]
    assert (seen.files, seen.size_bytes, seen.rows) == (len(sizes), sum(sizes), 14)


def test_deep_verify_finds_one_flipped_bit_in_any_file(copy: Written) -> None:
    rng = np.random.default_rng(3)
    release = handwheel.open(copy.pin_file)
    for entry in release.files:
        file = copy.folder / entry.path
        for at in {0, entry.size_bytes - 1, int(rng.integers(entry.size_bytes))}:
            bit = int(rng.integers(8))
            flip(file, at, bit)
            with pytest.raises(handwheel.VerificationError, match=r"sha256 differs"):
                release.verify(deep=True)
            flip(file, at, bit)
    release.verify(deep=True)


def test_a_flipped_byte_in_a_video_is_refused_on_read(copy: Written) -> None:
    (data,) = copy.folder.glob("wm_ego.lance/data/*.lance")
    rng = np.random.default_rng(5)
    for row in copy.rows["wm_ego"]:
        at = data.read_bytes().find(row["video"])
        assert at >= 0, "the video's bytes lie in the data file as they are"
        at += int(rng.integers(len(row["video"])))
        flip(data, at, 4)
        view = handwheel.open(copy.pin_file).view("wm_ego")
        with pytest.raises(handwheel.VerificationError, match=f"{row['clip_id']}: its video"):
            view[view.clip_ids.index(row["clip_id"])]
        assert view[(view.clip_ids.index(row["clip_id"]) + 1) % 7].frames.size
        flip(data, at, 4)


def test_a_flipped_byte_anywhere_never_gives_another_sample(copy: Written) -> None:
    """Where a flip is in what a sample is made of, reading refuses; elsewhere the samples are the same."""
    (data,) = copy.folder.glob(f"{IDM_VIEW}.lance/data/*.lance")
    whole = list(handwheel.open(copy.pin_file).view(IDM_VIEW))
    rng = np.random.default_rng(11)
    refused = 0
    for at in rng.integers(data.stat().st_size, size=40):
        flip(data, int(at), 2)
        try:
            seen = list(handwheel.open(copy.pin_file).view(IDM_VIEW))
        except handwheel.VerificationError:
            refused += 1
        else:
            for one, two in zip(whole, seen, strict=True):
                for f in dataclasses.fields(one):
                    np.testing.assert_array_equal(getattr(one, f.name), getattr(two, f.name))
        flip(data, int(at), 2)
    assert refused > 20


def rewrite(release: Written, **changes: Any) -> None:
    """A publisher's mistake or a forgery: one row of wm_ego differs, and every file digest fits."""
    import lance
    import pyarrow as pa

    from tests.support.releases import seal

    made = [dict(r) for r in release.rows["wm_ego"]]
    made[2] |= changes
    uri = release.folder / "wm_ego.lance"
    shutil.rmtree(uri)
    table = pa.Table.from_pylist(made, schema=fmt.VIEW_SCHEMA)
    version = lance.write_dataset(table, str(uri), data_storage_version="2.2").version
    seal(release.root, release.pin.release, release.rows | {"wm_ego": made}, {"wm_ego": version, IDM_VIEW: 1})


def test_rows_that_do_not_give_their_digest_are_refused(copy: Written) -> None:
    for change, said in [({"caption": "a lie"}, "row_sha256"), ({"video_sha256": "0" * 64}, "video_sha256")]:
        rewrite(copy, **change)
        release = handwheel.open(copy.root, release=copy.pin.release)
        with pytest.raises(handwheel.VerificationError, match=said):
            release.verify(deep=True)
        with pytest.raises(handwheel.VerificationError, match=said):
            list(release.view("wm_ego"))
    forged = copy.rows["wm_ego"][2] | {"frame_ns": copy.rows["wm_ego"][2]["frame_ns"] + [10**12]}
    rewrite(copy, frame_ns=forged["frame_ns"], row_sha256=fmt.row_digest(forged))
    with pytest.raises(handwheel.VerificationError, match="frames in its video"):
        list(handwheel.open(copy.root, release=copy.pin.release).view("wm_ego"))


def test_counts_roots_and_statistics_must_be_the_rows(copy: Written) -> None:
    original = json.loads((copy.folder / fmt.RELEASE_FILE).read_text())
    for field, wrong, said in [
        ("splits", {"wm_ego": {"train": 7, "val": 0}}, "splits"),
        ("views", original["views"] | {"wm_ego": original["views"]["wm_ego"] | {"rows": 8}}, "7 rows"),
    ]:
        edit(copy, **original | {field: wrong})
        with pytest.raises(handwheel.VerificationError, match=said):
            len(handwheel.open(copy.pin_file).view("wm_ego"))
    stats = json.loads(json.dumps(original["stats"]))
    stats[IDM_VIEW]["actions"]["mean"][1] += 0.01
    edit(copy, **original | {"stats": stats})
    with pytest.raises(handwheel.VerificationError, match="statistics"):
        handwheel.open(copy.pin_file).verify(deep=True)


def test_places_take_folders_and_s3_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert StorageFolder.of("s3://b/p/").uri == "s3://b/p"
    told = storage_options("s3://b/p")
    assert told == {"aws_region": "us-east-1", "aws_endpoint": "http://127.0.0.1:1", "allow_http": "true"}
    assert storage_options("/tmp") is None
    with pytest.raises(ValueError, match="s3://"):
        StorageFolder.of("https://example.org/x")
