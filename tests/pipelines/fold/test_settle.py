"""Whose attempt is what, over real folds: equal numbers, copies, names that are taken, logs that are read again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.storage.tables import Store
from pipelines.corpus import corpus as corpora
from pipelines.corpus.episodes import latest_episodes
from pipelines.corpus.ledger import ledger, refused
from pipelines.fold import offers
from pipelines.fold.hop import fold
from pipelines.hop import Done, Run
from pipelines.sources.logs import RobotSource
from pipelines.staging.options import IngestOptions
from tests.support.robot_logs import LeRobotSpec, write_lerobot, write_plain, write_video

RECIPE = IngestOptions().cutting.recipe


class Corpus:
    """A corpus, and folds into it."""

    def __init__(self, root: Path) -> None:
        self.store, self.folds = Store(str(root)), 0

    def fold(self, *sources: RobotSource, options: IngestOptions = IngestOptions()) -> Done:
        self.folds += 1
        return fold(Run(self.store, f"fold {self.folds}"), sources, options)

    def attempts(self) -> dict[str, str]:
        """Outcomes of the attempts that stand, by namespace and name."""
        return {f"{e.namespace}/{e.name}": e.outcome for e in latest_episodes(self.store)}

    def rows(self, **wanted: Any) -> list[dict[str, Any]]:
        rows = self.store.read("episodes").to_pylist()
        return [r for r in rows if all(r[name] == value for name, value in wanted.items())]

    def reasons(self) -> list[tuple[str, str]]:
        return sorted((r["reason"], r["detail"]) for r in self.store.read("rejects").to_pylist())


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path / "corpus")


def take(folder: Path, name: str, *, shade: int = 0, frames: int = 8, **header: Any) -> Path:
    """A plain log of zeros whose pictures tell it from others."""
    path = write_plain(folder, name, np.zeros((frames, 3)), np.zeros((frames, 2)), header, video=False)
    write_video(folder / f"{name}.mp4", frames, size=(64, 48 + 16 * shade))
    return path


def plain(folder: Path, name: str | None = None, **said: Any) -> RobotSource:
    return RobotSource(kind="plain_log", uri=str(folder), name=name, **said)


@pytest.mark.slow
def test_equal_numbers_under_two_names_or_in_two_places_are_two_takes(corpus: Corpus, tmp_path: Path) -> None:
    for shade, (folder, name) in enumerate([("a", "one"), ("a", "two"), ("b", "one")]):
        take(tmp_path / "logs" / folder, name, shade=shade)
    corpus.fold(plain(tmp_path / "logs"))
    assert set(corpus.attempts()) == {"a/one", "a/two", "b/one"}
    rows = corpus.rows()
    assert len({r["steps_id"] for r in rows}) == 1  # steps are stored once
    assert corpus.store.read("steps").num_rows == 8
    assert corpus.rows(copy_of=None) == rows


@pytest.mark.slow
@pytest.mark.parametrize("batch_items", [1, 100])
def test_a_copy_is_booked_and_no_attempt_whether_in_one_batch_or_later(
    corpus: Corpus, tmp_path: Path, batch_items: int
) -> None:
    options = IngestOptions(batch_items=batch_items)
    take(tmp_path / "logs/b", "one")
    shutil.copytree(tmp_path / "logs/b", tmp_path / "logs/a")
    done = corpus.fold(plain(tmp_path / "logs"), options=options)
    assert set(corpus.attempts()) == {"a/one"}
    assert "1 attempts are copies" in done.line()
    shutil.copytree(tmp_path / "logs/b", tmp_path / "more/0")
    assert corpus.fold(plain(tmp_path / "logs"), plain(tmp_path / "more"), options=options).added["episodes"] == 1
    assert set(corpus.attempts()) == {"a/one"}
    (original,) = corpus.rows(copy_of=None)
    assert {r["namespace"] for r in corpus.rows(copy_of=original["episode_id"])} == {"0", "b"}
    account, inputs = ledger(corpus.store, RECIPE, "none")
    assert account.unbalanced_ns() == 0
    assert {Path(i.uri).parent.name for i in inputs if "copy_of" in i.account.by_reason} == {"0", "b"}
    # One of the places vanishes, and comes back.
    shutil.rmtree(tmp_path / "logs/a")
    assert corpus.fold(plain(tmp_path / "logs"), plain(tmp_path / "more"), options=options).added == {}
    assert set(corpus.attempts()) == {"a/one"}


@pytest.mark.slow
def test_a_copy_stands_once_its_original_is_broken_or_says_otherwise(corpus: Corpus, tmp_path: Path) -> None:
    path = take(tmp_path / "logs/a", "one")
    shutil.copytree(tmp_path / "logs/a", tmp_path / "logs/b")
    whole = path.read_text()
    corpus.fold(plain(tmp_path / "logs"))
    path.write_text("{")
    corpus.fold(plain(tmp_path / "logs"))
    assert corpus.attempts() == {"b/one": "success"}
    path.write_text(whole.replace('"success": true', '"success": false'))
    corpus.fold(plain(tmp_path / "logs"))
    assert corpus.attempts() == {"a/one": "failure", "b/one": "success"}
    path.write_text(whole + "\n")
    corpus.fold(plain(tmp_path / "logs"))
    assert corpus.attempts() == {"a/one": "success"}


@pytest.mark.slow
def test_what_was_refused_and_is_mended_is_refused_no_more(corpus: Corpus, tmp_path: Path) -> None:
    def now() -> list[str]:
        return [r.reason for r in refused(corpora.Corpus(corpus.store, RECIPE, "none"))]

    path = take(tmp_path / "logs", "one")
    whole = path.read_text()
    path.write_text("{")
    corpus.fold(plain(tmp_path / "logs"))
    assert now() == ["bad_json"]
    path.write_text("")
    corpus.fold(plain(tmp_path / "logs"))
    assert now() == ["empty_episode"], "as it was read last"
    path.write_text(whole)
    corpus.fold(plain(tmp_path / "logs"))
    assert now() == []
    assert corpus.attempts() == {"logs/one": "success"}
    path.write_text("{")
    corpus.fold(plain(tmp_path / "logs"))
    assert now() == ["bad_json"]
    assert corpus.attempts() == {}
    take(tmp_path / "more/logs", "two")
    twice = [plain(tmp_path / "logs"), plain(tmp_path / "more/logs")]
    corpus.fold(*twice)
    assert now() == ["bad_json", "namespace_taken"]
    corpus.fold(twice[0], plain(tmp_path / "more/logs", name="more"))
    assert now() == ["bad_json"]


@pytest.mark.slow
@pytest.mark.parametrize("batch_items", [1, 100])
def test_of_two_logs_with_one_name_in_a_data_set_the_second_is_refused(
    corpus: Corpus, tmp_path: Path, batch_items: int
) -> None:
    options = IngestOptions(batch_items=batch_items)
    for shade, name in enumerate(("1", "2")):
        path = take(tmp_path / "logs", name, shade=shade)
        path.write_text(path.read_text().replace(f'"episode": "{name}"', '"episode": "same"'))
    corpus.fold(plain(tmp_path / "logs"), options=options)
    (now,) = latest_episodes(corpus.store)
    assert (now.name, now.uri) == ("same", str(tmp_path / "logs/1.jsonl"))
    assert {reason for reason, _ in corpus.reasons()} == {"name_taken"}
    assert all(str(tmp_path / f"logs/{n}.jsonl") in detail for n in "12" for _, detail in corpus.reasons())
    # The log that has it keeps it, whichever is read again.
    other = tmp_path / "logs/2.jsonl"
    other.write_text(other.read_text() + "\n")
    corpus.fold(plain(tmp_path / "logs"), options=options)
    assert [e.uri for e in latest_episodes(corpus.store)] == [now.uri]
    other.write_text(other.read_text().replace('"episode": "same"', '"episode": "own"'))
    corpus.fold(plain(tmp_path / "logs"), options=options)
    assert set(corpus.attempts()) == {"logs/same", "logs/own"}


@pytest.mark.slow
def test_the_same_steps_and_recordings_with_another_label_are_no_copy(corpus: Corpus, tmp_path: Path) -> None:
    path = take(tmp_path / "logs/a", "one")
    shutil.copytree(tmp_path / "logs/a", tmp_path / "logs/b")
    (tmp_path / "logs/b/one.jsonl").write_text(path.read_text().replace('"success": true', '"success": false'))
    corpus.fold(plain(tmp_path / "logs"))
    assert corpus.attempts() == {"a/one": "success", "b/one": "failure"}


@pytest.mark.slow
def test_a_copy_stays_one_while_both_are_read_again_by_a_newer_reader(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(tmp_path / "logs/b", "one")
    corpus.fold(plain(tmp_path / "logs"))
    shutil.copytree(tmp_path / "logs/b", tmp_path / "logs/a")
    corpus.fold(plain(tmp_path / "logs"))
    assert set(corpus.attempts()) == {"b/one"}
    monkeypatch.setattr(offers, "READING", 99)
    assert corpus.fold(plain(tmp_path / "logs"), options=IngestOptions(batch_items=1)).added == {"episodes": 2}
    assert set(corpus.attempts()) == {"b/one"}
    monkeypatch.setattr(offers, "READING", 100)
    shutil.rmtree(tmp_path / "logs/b")  # what it is a copy of is out of reach
    corpus.fold(plain(tmp_path / "logs"))
    assert set(corpus.attempts()) == {"b/one"}
    assert corpus.fold(plain(tmp_path / "logs")).added == {}


@pytest.mark.slow
def test_of_two_data_sets_with_one_namespace_the_later_is_refused_until_it_has_a_name(
    corpus: Corpus, tmp_path: Path
) -> None:
    take(tmp_path / "jan/arm", "one")
    take(tmp_path / "feb/arm", "one", shade=1)
    take(tmp_path / "feb/arm", "two", shade=2)
    sources = plain(tmp_path / "jan/arm"), plain(tmp_path / "feb/arm")
    corpus.fold(*sources)
    assert set(corpus.attempts()) == {"arm/one"}
    reasons = corpus.reasons()
    assert [reason for reason, _ in reasons] == ["namespace_taken"] * 2
    assert all(str(tmp_path / m / "arm") in reasons[0][1] for m in ("jan", "feb"))
    assert "name =" in reasons[0][1]
    assert corpus.fold(*sources).added == {}
    corpus.fold(sources[0], plain(tmp_path / "feb/arm", name="feb"))
    assert set(corpus.attempts()) == {"arm/one", "feb/one", "feb/two"}


@pytest.mark.slow
def test_another_data_set_in_the_place_of_a_former_one_is_no_correction_of_it(corpus: Corpus, tmp_path: Path) -> None:
    take(tmp_path / "jan/arm", "one")
    take(tmp_path / "feb/arm", "one", shade=1)
    corpus.fold(plain(tmp_path / "jan/arm"))
    done = corpus.fold(plain(tmp_path / "feb/arm"))
    (row,) = corpus.rows()
    assert row["root"] == str(tmp_path / "jan/arm")
    assert "namespace_taken" in done.line()
    assert str(tmp_path / "jan/arm") in corpus.reasons()[0][1]
    assert corpus.fold(plain(tmp_path / "feb/arm")).added == {}
    # Said to be the same data set, it is one.
    corpus.fold(plain(tmp_path / "feb/arm", name="arm"))
    (now,) = latest_episodes(corpus.store)
    assert (now.namespace, now.root) == ("arm", str(tmp_path / "feb/arm"))


@pytest.mark.slow
def test_a_data_set_that_is_moved_keeps_its_attempts(corpus: Corpus, tmp_path: Path) -> None:
    take(tmp_path / "old/arm", "one")
    corpus.fold(plain(tmp_path / "old"))
    (before,) = latest_episodes(corpus.store)
    (tmp_path / "new").mkdir()
    shutil.move(tmp_path / "old/arm", tmp_path / "new/arm")
    corpus.fold(plain(tmp_path / "new"))
    (now,) = latest_episodes(corpus.store)
    assert (now.episode_id, now.reading, now.copy_of) == (before.episode_id, 2, None)
    assert now.uri == str(tmp_path / "new/arm/one.jsonl")


@pytest.mark.slow
def test_labels_that_come_later_reach_the_steps_and_words_alone_write_none(corpus: Corpus, tmp_path: Path) -> None:
    source = RobotSource(kind="lerobot", uri=str(tmp_path / "set"))
    write_lerobot(tmp_path / "set", LeRobotSpec(orphans=0, intervention=False, rewards=None, done=False))
    corpus.fold(source)
    unlabelled = {e.name: e.steps_id for e in latest_episodes(corpus.store)}
    write_lerobot(tmp_path / "set", LeRobotSpec(orphans=0))
    assert corpus.fold(source).added["steps"] == 12 + 9 + 15
    for episode in latest_episodes(corpus.store):
        steps = corpus.store.read("steps", where=f"steps_id = '{episode.steps_id}'").sort_by("frame")
        assert steps["intervention"].to_pylist() == [i < 2 for i in range(episode.frame_count)]
        assert steps["reward"].to_pylist()[-1] in (0.0, 1.0)
        assert episode.steps_id != unlabelled[episode.name]
    write_lerobot(
        tmp_path / "set",
        LeRobotSpec(orphans=0),
    )
    info = tmp_path / "set/meta/info.json"
    info.write_text(info.read_text().replace("so101_follower", "so101_leader"))
    done = corpus.fold(source)
    assert (done.added["episodes"], "steps" in done.added) == (3, False)
    assert {e.embodiment for e in latest_episodes(corpus.store)} == {"so101_leader"}


@pytest.mark.slow
def test_what_the_config_says_of_a_log_is_read_and_taken_back(corpus: Corpus, tmp_path: Path) -> None:
    """The log keeps its time: which reading counts is no matter of a hash."""
    take(tmp_path / "logs", "one")
    for said in (None, "a", "b", "a", None, "c"):
        corpus.fold(plain(tmp_path / "logs", embodiment=said))
        (now,) = latest_episodes(corpus.store)
        assert corpus.fold(plain(tmp_path / "logs", embodiment=said)).added == {}
    assert now.reading == 6
    assert len(corpus.rows(modified_ns=now.modified_ns)) == 6


@pytest.mark.slow
def test_a_name_that_is_given_later_supersedes_what_was_read_without_it(corpus: Corpus, tmp_path: Path) -> None:
    take(tmp_path / "logs", "one")
    corpus.fold(plain(tmp_path / "logs"))
    corpus.fold(plain(tmp_path / "logs", name="lab"))
    assert set(corpus.attempts()) == {"lab/one"}
    assert corpus.store.read("steps").num_rows == 8


@pytest.mark.slow
def test_what_a_log_gives_no_more_is_withdrawn_and_may_come_back(corpus: Corpus, tmp_path: Path) -> None:
    path = take(tmp_path / "logs", "one")
    source, whole = plain(tmp_path / "logs"), path.read_bytes()
    corpus.fold(source)
    write_video(path.with_suffix(".mp4"), 3)
    done = corpus.fold(source)
    assert corpus.attempts() == {}
    assert "1 attempts are no attempts any more" in done.line()
    (gone,) = corpus.rows(reading=2)
    assert gone["withdrawn"].startswith("video_mismatch: ")
    _, inputs = ledger(corpus.store, RECIPE, "none")
    assert any("withdrawn" in i.account.by_reason for i in inputs if i.uri == str(path))
    assert corpus.fold(source).added == {}
    assert any("video_mismatch" in i.account.by_reason for i in inputs)
    write_video(path.with_suffix(".mp4"), 8)
    path.write_bytes(whole)
    corpus.fold(source)
    assert set(corpus.attempts()) == {"logs/one"}
    _, inputs = ledger(corpus.store, RECIPE, "none")
    assert {reason for i in inputs if i.uri == str(path) for reason in i.account.by_reason} == set()


@pytest.mark.slow
def test_an_episode_that_is_deleted_from_its_set_is_withdrawn(corpus: Corpus, tmp_path: Path) -> None:
    source = RobotSource(kind="lerobot", uri=str(tmp_path / "set"))
    write_lerobot(tmp_path / "set", LeRobotSpec(orphans=0))
    corpus.fold(source)
    write_lerobot(tmp_path / "set", LeRobotSpec(orphans=0, lengths=(12, 9)))
    corpus.fold(source)
    assert set(corpus.attempts()) == {"set/episode_000000", "set/episode_000001"}
    (gone,) = [r for r in corpus.rows() if r["withdrawn"]]
    assert (gone["name"], gone["withdrawn"]) == ("episode_000002", "the log does not hold it any more")


@pytest.mark.slow
def test_a_fold_that_dies_before_what_ends_a_log_withdraws_once(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = take(tmp_path / "logs", "one")
    corpus.fold(plain(tmp_path / "logs"))
    path.write_text("{")
    insert = Store.insert

    def dies(store: Store, name: str, rows: Any, *, run_id: str) -> int:
        if name == "rejects" and len(rows):
            raise KeyboardInterrupt
        return int(insert(store, name, rows, run_id=run_id))

    with monkeypatch.context() as patched:
        patched.setattr(Store, "insert", dies)
        with pytest.raises(KeyboardInterrupt):
            corpus.fold(plain(tmp_path / "logs"))
    assert len(corpus.rows()) == 2
    assert corpus.fold(plain(tmp_path / "logs")).added == {"rejects": 1}
    assert (len(corpus.rows()), corpus.attempts()) == (2, {})
    assert corpus.fold(plain(tmp_path / "logs")).added == {}
