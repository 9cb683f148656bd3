"""Bags of ROS 2: one attempt a bag, whatever it was split into, and a word for what is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.media import log_pictures
from pipelines.sources.logs import mcap, rosbag2
from pipelines.sources.logs.base import BadEpisode, LogItem, LogOptions
from pipelines.sources.logs.episode_log import EpisodeLog
from schemas.errors import BadMedia
from tests.support.message_logs import arm, jpeg, write_bag2, write_mcap, write_sqlite


def parts(item: LogItem) -> tuple[EpisodeLog, list[BadEpisode]]:
    first, *rest = rosbag2.read(item, Path("unused"), LogOptions())
    assert isinstance(first, EpisodeLog)
    return first, [part for part in rest if isinstance(part, BadEpisode)]


def film(log: EpisodeLog) -> list[object]:
    (camera,) = log.cameras
    split = log_pictures.split(camera.uri)
    assert split is not None
    form = log_pictures.FORMATS[split[1].format]
    return list(form.pictures(Path(split[0]), split[1].where, split[1].options))


@pytest.mark.parametrize("files", [1, 3])
@pytest.mark.slow
def test_a_bag_is_one_attempt(tmp_path: Path, files: int) -> None:
    write_bag2(tmp_path / "logs/take 1", arm(), files, **{"lerobot.operator_prompt": "wipe the table"})
    (item,) = rosbag2.list_logs(str(tmp_path / "logs"))
    assert (item.uri, item.root) == (str(tmp_path / "logs/take 1"), str(tmp_path / "logs"))
    log, left_out = parts(item)
    assert (log.instruction, left_out) == ("wipe the table", [])
    assert log.name.startswith("take_1_")
    assert log.states is not None
    assert log.states.tolist() == [[k, 2 * k] for k in range(20)]
    assert film(log) == [jpeg(k) for k in range(20)]


@pytest.mark.slow
def test_files_without_metadata_go_together_by_their_numbers(tmp_path: Path) -> None:
    sent = arm()
    for number in (0, 1, 10):
        at = {0: (0, 40), 1: (40, 80), 10: (80, 120)}[number]
        write_sqlite(tmp_path / f"run_{number}.db3", sent[at[0] : at[1]])
    write_sqlite(tmp_path / "other.db3", sent)
    first, second = rosbag2.list_logs(str(tmp_path))
    names = {parts(item)[0].name: parts(item)[0] for item in (first, second)}
    assert sorted(names) == ["other", "run"]
    assert film(names["run"]) == film(names["other"]) == [jpeg(k) for k in range(20)]


def test_what_metadata_name_and_what_they_do_not_is_told(tmp_path: Path) -> None:
    bag = write_bag2(tmp_path / "bag", arm(), files=3)
    (bag / "bag_1.db3").unlink()
    write_sqlite(bag / "late.db3", arm())
    (item,) = rosbag2.list_logs(str(tmp_path))
    log, left_out = parts(item)
    assert [part.reason for part in left_out] == ["missing_file", "file_not_announced"]
    assert 5 < len(log.t_ns) < 20
    for name in ("bag_0.db3", "bag_2.db3", "late.db3"):
        (bag / name).unlink()
    (item,) = rosbag2.list_logs(str(tmp_path))
    with pytest.raises(BadMedia) as refused:
        parts(item)
    assert refused.value.reason == "missing_file"


@pytest.mark.slow
def test_mcap_bags_are_one_attempt_for_the_kind_mcap_too(tmp_path: Path) -> None:
    sent = arm()
    bag = write_bag2(tmp_path / "bag", sent)
    (bag / "bag_0.db3").unlink()
    write_mcap(bag / "bag_0.mcap", sent[:60])
    write_mcap(bag / "bag_1.mcap", sent[60:])
    about = (bag / "metadata.yaml").read_text()
    (bag / "metadata.yaml").write_text(about.replace("- bag_0.db3", "- bag/bag_0.mcap\n    - bag_1.mcap"))
    write_mcap(tmp_path / "alone.mcap", sent)
    bags, alone = mcap.list_logs(str(tmp_path))
    (one, *rest), (other,) = mcap.read(bags, tmp_path, LogOptions()), mcap.read(alone, tmp_path, LogOptions())
    assert rest == []
    assert isinstance(one, EpisodeLog)
    assert isinstance(other, EpisodeLog)
    assert one.states is not None
    assert other.states is not None
    assert one.states.tolist() == other.states.tolist()
    assert film(one) == film(other)


def test_a_metadata_file_of_something_else_is_no_bag(tmp_path: Path) -> None:
    (tmp_path / "metadata.yaml").write_text("title: a data set\n")
    assert list(rosbag2.list_logs(str(tmp_path))) == []


def test_metadata_too_large_to_be_read_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bag = write_bag2(tmp_path / "bag", arm())
    (item,) = rosbag2.list_logs(str(tmp_path))
    (tmp_path / "other").mkdir()
    for folder in (bag, tmp_path / "other"):
        (folder / "metadata.yaml").write_text("relative_file_paths: []\n" + "#" * (1 << 20))
    monkeypatch.setattr(rosbag2.objects, "read_bytes", lambda uri: pytest.fail(f"{uri} is read"))
    assert [i.uri for i in rosbag2.list_logs(str(tmp_path))] == [item.uri]
    with pytest.raises(BadMedia, match="limit 1048576") as refused:
        parts(item)
    assert refused.value.reason == "bad_metadata"
