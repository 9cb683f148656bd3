"""A world on disk: its layout, its truth, the cache, the source kind, the command, the page."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import pytest
from simworld import build, recordings, video_writer

from infra.video import decoder
from orchestration.cli import main
from orchestration.reports import sim_page
from pipelines.sources.logs import kind_of as log_kind_of
from pipelines.sources.logs import sim
from pipelines.sources.recordings import Source, kind_of, list_items, prepare, resolve_sidecars
from schemas import truth as truths
from schemas.errors import UsageError
from tests.support.sim import OPTIONS, rendered


@pytest.mark.slow
def test_every_recording_has_its_truth_of_as_many_frames() -> None:
    folder = rendered()
    videos = sorted(folder.glob("ego/*.mp4")) + sorted(folder.glob("robot/*.mp4"))
    assert len(videos) == OPTIONS.clips + OPTIONS.robot
    for video in videos:
        true = truths.load(folder / "truth" / f"{video.stem}{truths.SUFFIX}")
        with decoder.open_media(video) as container:
            times = [p.t_ns for p in decoder.pictures(container, decoder.video_stream(container))]
        assert [f.t_ns for f in true.frames] == pytest.approx(times, abs=1_000_000)
        assert true.shots[0].start_ns == 0
        assert all(a.end_ns == b.start_ns for a, b in zip(true.shots, true.shots[1:], strict=False))


@pytest.mark.slow
def test_the_corpus_speaks_of_its_takes_as_a_source_does() -> None:
    items = resolve_sidecars(list(list_items([Source("sim", str(rendered()), "ego")])))
    assert len(items) == OPTIONS.clips
    assert {item.licence for item in items} == {recordings.LICENCE}
    assert all(item.site and item.intrinsics_json for item in items)
    spoken = [n for item in items for n in item.narrations]
    assert len(spoken) >= OPTIONS.clips // 2
    assert all(n.text and n.start_ns is not None and n.end_ns is not None for n in spoken)
    assert len(list(sim.list_logs(str(rendered())))) == OPTIONS.robot


@pytest.mark.slow
def test_world_is_another_name_of_the_kind() -> None:
    kinds = [list(list_items([Source(kind, str(rendered()), "ego")])) for kind in ("sim", "world")]
    assert [item.uri for item in kinds[0]] == [item.uri for item in kinds[1]]
    assert kind_of("world") is kind_of("sim")
    assert log_kind_of("world") is log_kind_of("sim")


@pytest.mark.slow
def test_what_is_there_is_not_rendered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {p: p.stat().st_mtime_ns for p in rendered().rglob("*") if p.is_file() and p.name != build.SPEC}
    monkeypatch.setattr(build, "_render_all", lambda jobs, workers: iter(pytest.fail("renders") for _ in jobs))
    assert build.build(rendered(), OPTIONS).rendered == 0
    assert before == {p: p.stat().st_mtime_ns for p in rendered().rglob("*") if p.is_file() and p.name != build.SPEC}


@pytest.mark.slow
def test_a_smaller_world_leaves_nothing_of_the_larger(tmp_path: Path) -> None:
    folder = shutil.copytree(rendered(), tmp_path / "world")
    gone = ["ego/take_0099.mp4", "ego/take_0099.json", "truth/take_0099.truth.json", "robot/attempt_0099_g0.mp4"]
    stays = ["robot/attempt_0099_g4.mp4", "ego/mine.mp4", "ego/take_home.txt"]
    for name in [*gone, *stays]:
        (folder / name).write_bytes(b"x")
    build.build(folder, OPTIONS)
    assert [name for name in gone + stays if (folder / name).exists()] == stays
    assert len(list(folder.glob("truth/take_*"))) == OPTIONS.clips


def test_the_key_is_of_scene_quality_and_code(monkeypatch: pytest.MonkeyPatch) -> None:
    job = recordings.ego_jobs(OPTIONS)[0]
    key = job.key
    assert recordings.ego_jobs(OPTIONS)[0].key == key
    assert recordings.ego_jobs(dataclasses.replace(OPTIONS, seed=4))[0].key != key
    assert dataclasses.replace(job, picture="fine").key != key
    monkeypatch.setattr(recordings, "_code_digest", lambda: "another")
    assert job.key != key


@pytest.mark.slow
def test_the_same_plan_gives_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANDWHEEL_CACHE", str(tmp_path))
    job = min(recordings.ego_jobs(OPTIONS), key=lambda j: j.frames)
    recordings.render_into_cache(job)
    again = tmp_path / "world" / job.key
    assert (again / "video.mp4").read_bytes() == (rendered() / "ego" / f"{job.name}.mp4").read_bytes()
    assert (again / "truth.json").read_bytes() == (rendered() / "truth" / f"{job.name}{truths.SUFFIX}").read_bytes()


def test_what_is_asked_for_can_be_read_back(tmp_path: Path) -> None:
    options = build.WorldOptions(seed=9, clips=3, robot=2, quality="fine", generation=4, fixed=(("skin", "dark"),))
    build.write_spec(tmp_path, options)
    assert build.read_spec(tmp_path) == options


@pytest.mark.parametrize(
    "asked",
    ["clips = 'many'", "clips = -1", "wings = 2", "quality = 'best'", "[fixed]\nskin = 'plaid'", "fixed = 3", "a ="],
)
def test_what_the_world_has_not_is_refused(tmp_path: Path, asked: str) -> None:
    (tmp_path / build.SPEC).write_text(asked + "\n")
    with pytest.raises(UsageError, match=r"world\.toml"):
        build.read_spec(tmp_path)


def test_the_command_refuses_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for wrong in (["--quality", "best"], ["--fixed", "skin=plaid"]):
        monkeypatch.setattr(sys, "argv", ["handwheel", "sim", str(tmp_path / "w"), *wrong])
        with pytest.raises(SystemExit) as end:
            main.main()
        assert end.value.code == 2
        assert len(capfd.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "w").exists()


@pytest.mark.slow
def test_lerobot_and_plain_logs_tell_the_same() -> None:
    from pipelines.sources.logs import lerobot, plain_log

    def read(reader: object, uri: Path) -> list[tuple[object, ...]]:
        items = reader.list_logs(str(uri))  # type: ignore[attr-defined]
        found = [log for item in items for log in reader.read(item, uri)]  # type: ignore[attr-defined]
        return [(log.outcome, log.outcome_source, len(log.t_ns), log.states.tolist()) for log in found]

    assert read(lerobot, rendered() / "lerobot") == read(plain_log, rendered() / "robot")
    frames = sum(1 for _ in video_writer.read_pictures([next((rendered() / "lerobot").rglob("*.mp4"))]))
    assert frames == sum(len(truths.load(p).frames) for p in (rendered() / "truth").glob("attempt*"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sim", "world"])
def test_the_command_makes_a_world_and_its_page(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path, name: str
) -> None:
    words = ["--seed", "3", "--clips", "8", "--robot", "6", "--quality", "draft", "--json"]
    rendered()
    monkeypatch.setattr(sys, "argv", ["handwheel", name, str(tmp_path / "w"), *words])
    with pytest.raises(SystemExit) as end:
        main.main()
    assert not end.value.code
    output = json.loads(capfd.readouterr().out)
    assert (output["ego"], output["robot"], output["rendered"]) == (8, 6, 0)
    page = Path(output["page"]).read_text()
    assert page.count("<img ") > 30
    for axis in ("skin", "glove", "verb", "light"):
        assert f'id="{axis}"' in page


@pytest.mark.slow
def test_the_page_shows_the_truth_over_the_pictures(tmp_path: Path) -> None:
    page = sim_page.write(rendered(), tmp_path / "page.html").read_text()
    assert page.count("<rect ") > 20
    assert 'src="http' not in page


def test_a_world_on_s3_is_refused() -> None:
    with pytest.raises(UsageError, match="local folder"):
        prepare([Source("sim", "s3://bucket/world", "ego")], lambda hop, done, total: None)


@pytest.mark.slow
def test_the_fixture_covers_work_and_what_is_none() -> None:
    takes = [truths.load(p) for p in sorted((rendered() / "truth").glob("take*"))]
    kinds = {shot.variation["negative"] for true in takes for shot in true.shots}
    assert "none" in kinds
    assert len(kinds) > 1
