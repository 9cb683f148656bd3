"""Sources that live in archives: what they list, what they refuse, and that listing fetches no media."""

from __future__ import annotations

import io
import json
import os
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.archives import reader
from infra.archives import tar as headers
from pipelines.sources.recordings import Item, Narration, Source, kind_of
from schemas.errors import UsageError
from tests.support import archives as made

NS = 1_000_000_000


def items(kind: str, uri: Path, **settings: Any) -> dict[str, Item]:
    """By what stands behind `!/`, or by name."""
    found = list(kind_of(kind).list(Source(kind, str(uri), **{"stage": "ego"} | settings)))
    named = {i.uri.partition("!/")[2] or Path(i.uri).name: i for i in found}
    assert len(named) == len(found)
    return named


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made.webdataset(tmp_path_factory.mktemp("wds"), tmp_path_factory.mktemp("scratch"))


def test_a_webdataset_yields_its_samples_with_their_sidecars(shards: Path) -> None:
    found = items("webdataset", shards, licence="CC-BY-4.0", stage="web")
    assert set(found) == {"000000.mp4", "000001.mp4", "deep/a.left.mp4", "deep/a.right.mp4", "bad.mp4"}
    first = found["000000.mp4"]
    assert first.uri == f"{shards}/shard-00000.tar!/000000.mp4"
    assert (first.narrations, first.licence, first.wearer) == ((Narration("Opens the jar."),), "CC0-1.0", "anna")
    assert (first.stage, first.bad) == ("web", None)
    assert found["000001.mp4"].narrations == (Narration("Stirs the pot."),)
    assert found["000001.mp4"].licence == "CC-BY-4.0"
    for side in ("left", "right"):
        assert found[f"deep/a.{side}.mp4"].narrations == (Narration("Cuts it.", NS // 10, NS // 2),)
    assert (found["bad.mp4"].bad or ("",))[0] == "bad_sidecar"


def test_one_tar_is_a_source_too(shards: Path) -> None:
    found = items("webdataset", shards / "shard-00000.tar")
    assert list(found) == ["000000.mp4", "000001.mp4"]
    with pytest.raises(UsageError):
        items("webdataset", shards / "none.tar")


def test_a_revision_is_the_archives_and_the_place(shards: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    path.write_bytes((shards / "shard-00000.tar").read_bytes())
    os.utime(path, ns=(5, 5))
    before = {name: i.revision for name, i in items("webdataset", path).items()}
    assert before == {name: i.revision for name, i in items("webdataset", path).items()}
    assert len(set(before.values())) == 2
    os.utime(path, ns=(6, 6))
    after = {name: i.revision for name, i in items("webdataset", path).items()}
    assert not set(before.values()) & set(after.values())


def test_an_attack_in_a_tar_is_one_item_that_says_why(shards: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as out:
        for name, kind in (("../up.mp4", b"0"), ("fine.mp4", b"0"), ("link.json", b"2"), ("link.mp4", b"0")):
            member = tarfile.TarInfo(name)
            member.type, member.size, member.linkname = kind, 3 * (kind == b"0"), "/etc/passwd"
            out.addfile(member, io.BytesIO(b"abc"))
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"abc") + 512] + b"\xff" * 700)
    found = items("webdataset", path)
    assert {name: (i.bad or ("",))[0] for name, i in found.items()} == {
        "../up.mp4": "archive_path", "fine.mp4": "", "link.json": "archive_link", "link.mp4": "bad_sidecar",
        f"#byte={len(whole[: whole.rindex(b'abc') + 512])}": "bad_archive",
    }  # fmt: skip


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.GNU_FORMAT) as out:
        out.addfile(tarfile.TarInfo("caf\udce9.mp4"))
    (item,) = items("webdataset", tmp_path / "a.tar").values()
    assert (item.bad or ("",))[0] == "bad_name"
    item.uri.encode()


class Watched(io.FileIO):
    """Counts what is read."""

    read_bytes = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(-1 if size is None else size)
        Watched.read_bytes += len(data)
        return data


@pytest.mark.parametrize("kind", ["webdataset", "egocentric_10k", "hot3d"])
def test_listing_reads_headers_and_sidecars_alone(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = os.urandom(4 << 20)
    words = json.dumps({"caption": "x", "participant_id": "P1"}).encode()
    each = {"000000.info.json": words, "000000.image_214-1.jpg": noise, "000001.mp4": noise, "000001.json": words}
    made.tar(tmp_path / "a.tar", each | {"000002.mp4": noise})
    monkeypatch.setattr(reader, "open_seekable", lambda info: Watched(info.uri))
    Watched.read_bytes = 0
    found = items(kind, tmp_path)
    assert found
    assert all(i.bad is None for i in found.values())
    assert 0 < Watched.read_bytes < 20_000


def test_egocentric_10k_names_wearer_site_and_lens(tmp_path: Path) -> None:
    made.egocentric_10k(tmp_path / "data", tmp_path)
    found = items("egocentric_10k", tmp_path / "data", licence="Apache-2.0")
    assert len(found) == 3
    assert {i.bad for i in found.values()} == {None}
    first, other = found["factory001_worker001_00000.mp4"], found["factory002_worker001_00000.mp4"]
    assert (first.wearer, first.site) == ("egocentric_10k/factory_001/worker_001", "egocentric_10k/factory_001")
    assert other.wearer != first.wearer
    assert json.loads(first.intrinsics_json or "") == made.INTRINSICS
    assert other.intrinsics_json is None
    lonely = found["factory001_worker001_00001.mp4"]  # without a JSON: by its folders
    assert (lonely.wearer, lonely.site) == ("egocentric_10k/factory_001/worker_001", "egocentric_10k/factory_001")
    one = tmp_path / "data/factory_001/workers/worker_001/factory001_worker001_part00.tar"
    assert items("egocentric_10k", one)["factory001_worker001_00000.mp4"] == replace(first, licence=None)
    (one.parent / "intrinsics.json").write_text("{")
    broken = items("egocentric_10k", tmp_path / "data")
    assert [name for name, i in broken.items() if i.bad] == [n for n in found if n.startswith("factory001")]
    assert broken["factory001_worker001_00000.mp4"].revision != first.revision


def test_hot3d_yields_a_clip_a_tar_with_its_turn_and_lens(tmp_path: Path) -> None:
    made.hot3d(tmp_path)
    found = {
        Path(i.uri.partition("!/")[0]).name: i for i in kind_of("hot3d").list(Source("hot3d", str(tmp_path), "ego"))
    }
    assert list(found) == ["clip-000001.tar", "clip-000003.tar", "clip-000002.tar"]
    aria, quest = found["clip-000001.tar"], found["clip-000002.tar"]
    assert aria.uri.endswith("clip-000001.tar!/*.image_214-1.jpg")
    assert quest.uri.endswith("clip-000002.tar!/*.image_1201-1.jpg")
    assert (aria.wearer, aria.quarter_turns, aria.bad) == ("hot3d/P0001", 1, None)
    lens = json.loads(aria.intrinsics_json or "")
    assert (lens["model"], lens["projection_params"]) == (
        "CameraModelType.FISHEYE624",
        made.CALIBRATION["projection_params"],
    )


@pytest.mark.parametrize(("members", "reason"), [
    ({"000000.hands.json": b"{}"}, "no_video"),
    ({}, "no_video"),
    ({"000000.image_214-1.jpg": b"x", "000000.info.json": b"{"}, "bad_sidecar"),
    ({"000000.image_214-1.jpg": b"x", "000000.info.json": b'{"participant_id": []}'}, "bad_sidecar"),
])  # fmt: skip
def test_a_tar_that_is_no_clip_says_why(tmp_path: Path, members: dict[str, bytes], reason: str) -> None:
    made.tar(tmp_path / "a.tar", members)
    (item,) = items("hot3d", tmp_path).values()
    assert (item.bad or ("",))[0] == reason


@pytest.mark.slow
def test_hd_epic_reads_narrations_out_of_the_pickle(tmp_path: Path) -> None:
    made.hd_epic(tmp_path)
    found = items("hd_epic", tmp_path, licence="CC-BY-NC-4.0")
    assert list(found) == [f"{v}.mp4" for v in made.HD_EPIC_VIDEOS]
    first, second, silent = found.values()
    assert first.narrations == (
        Narration("Reach for the cupboard.", 0, NS // 5), Narration("Open the upper cupboard.", NS // 5, 550_000_000),
    )  # fmt: skip
    assert (first.wearer, first.site, first.bad) == ("hd_epic/P01", "hd_epic/P01", None)
    assert len(second.narrations) == 1
    assert (silent.narrations, silent.wearer, silent.bad) == ((), "hd_epic/P03", None)


def test_a_new_pickle_is_a_new_revision_of_what_it_changes(tmp_path: Path) -> None:
    made.hd_epic(tmp_path)
    before = items("hd_epic", tmp_path)
    frame = made.hd_epic_narrations()
    frame.loc[2, "narration"] = "Hold the jar."
    frame.to_pickle(tmp_path / "narrations-and-action-segments" / "HD_EPIC_Narrations.pkl")
    after = items("hd_epic", tmp_path)
    first, second, _ = made.HD_EPIC_VIDEOS
    assert after[f"{first}.mp4"] == before[f"{first}.mp4"]
    assert after[f"{second}.mp4"].revision != before[f"{second}.mp4"].revision


def test_a_pickle_that_would_run_a_command_refuses_its_recordings(tmp_path: Path) -> None:
    made.hd_epic(tmp_path)
    mark = tmp_path / "mark"
    hostile = f"cposix\nsystem\n(S'touch {mark}'\ntR.".encode()
    (tmp_path / "narrations-and-action-segments" / "HD_EPIC_Narrations.pkl").write_bytes(hostile)
    found = items("hd_epic", tmp_path)
    assert [i.bad and i.bad[0] for i in found.values()] == ["unsafe_pickle"] * 3
    assert "posix.system" in (found[f"{made.HD_EPIC_VIDEOS[0]}.mp4"].bad or ("", ""))[1]
    assert not mark.exists()


def test_a_narration_that_is_no_time_refuses_its_recording(tmp_path: Path) -> None:
    made.hd_epic(tmp_path)
    frame = made.hd_epic_narrations()
    frame.loc[2, "start_timestamp"] = float("nan")
    frame.to_pickle(tmp_path / "narrations-and-action-segments" / "HD_EPIC_Narrations.pkl")
    assert [i.bad and i.bad[0] for i in items("hd_epic", tmp_path).values()] == [None, "bad_sidecar", None]


def test_hd_epic_without_its_annotations_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"HD_EPIC_Narrations\.pkl"):
        items("hd_epic", tmp_path)


def test_a_second_listing_scans_no_tar_again(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = items("webdataset", shards)
    monkeypatch.setattr(headers, "read_members", lambda *_: pytest.fail("it was scanned again"))
    assert items("webdataset", shards) == before
