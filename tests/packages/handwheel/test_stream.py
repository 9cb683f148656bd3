"""Streams: ranks share out each epoch exactly, the order is the seed's, and a saved state goes on exactly."""

from __future__ import annotations

import itertools
import json
from typing import Any

import handwheel
import numpy as np
import pytest
from handwheel.stream import Batch, epoch_order, window_start
from handwheel.view import View
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.releases import IDM_VIEW, Written, write_release

BUSY = settings(deadline=None, max_examples=40)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_release(tmp_path_factory.mktemp("corpus"), clips=11)


@pytest.fixture(scope="module")
def view(written: Written) -> View:
    return handwheel.open(written.pin_file).view(IDM_VIEW)


def ids(batches: list[Batch]) -> list[str]:
    return [c for b in batches for c in b["clip_id"].tolist()]


def same(one: Batch, two: Batch) -> None:
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])
        assert one[name].dtype == two[name].dtype


@pytest.mark.parametrize(("world", "batch"), [(1, 3), (1, 50), (2, 2), (3, 1), (4, 2), (13, 1)])
def test_ranks_share_out_every_epoch_exactly(view: View, world: int, batch: int) -> None:
    ranks = [view.stream(seed=7, batch_size=batch, rank=r, world_size=world, window=2) for r in range(world)]
    for epoch in range(2):
        assert {s.epoch for s in ranks} == {epoch}
        promised = [len(s) for s in ranks]
        parts = [list(s) for s in ranks]
        assert [len(p) for p in parts] == promised
        seen = [ids(p) for p in parts]
        assert sorted(itertools.chain(*seen)) == list(view.clip_ids)
        assert max(map(len, seen)) - min(map(len, seen)) <= 1
        order = epoch_order(view.release.id, IDM_VIEW, 7, epoch, len(view))
        for rank, mine in enumerate(seen):
            assert mine == [view.clip_ids[i] for i in order[rank::world]]


def test_dropping_the_last_gives_all_ranks_as_many_full_batches(view: View) -> None:
    ranks = [view.stream(seed=7, batch_size=2, rank=r, world_size=3, window=2, drop_last=True) for r in range(3)]
    parts = [list(s) for s in ranks]
    assert [len(p) for p in parts] == [1, 1, 1]
    assert all(len(b["clip_id"]) == 2 for p in parts for b in p)
    assert {s.epoch for s in ranks} == {1}


@BUSY
@given(st.integers(0, 2**63), st.integers(0, 5), st.integers(0, 300))
def test_an_epochs_order_is_a_permutation_of_its_own(seed: int, epoch: int, rows: int) -> None:
    order = epoch_order("id", "v", seed, epoch, rows)
    assert sorted(order.tolist()) == list(range(rows))
    np.testing.assert_array_equal(order, epoch_order("id", "v", seed, epoch, rows))
    if rows > 20:
        for other in [("x", "v", seed, epoch), ("id", "w", seed, epoch), ("id", "v", seed + 1, epoch),
                      ("id", "v", seed, epoch + 1)]:  # fmt: skip
            assert order.tolist() != epoch_order(*other, rows).tolist()


def test_the_order_is_the_same_on_every_machine_and_for_good() -> None:
    """Made with NumPy 2.4 on x86-64; a change would break every saved state."""
    assert epoch_order("id", "wm_ego", 7, 0, 10).tolist() == GOLDEN_ORDER
    assert [window_start(100, 16, "id", "wm_ego", 7, 0, c) for c in "abc"] == GOLDEN_STARTS


@BUSY
@given(st.integers(1, 60), st.integers(1, 60), st.text(max_size=5))
def test_a_window_lies_in_its_clip(held: int, window: int, key: str) -> None:
    start = window_start(held, window, key)
    assert start == 0 or 0 <= start <= held - window


def test_a_batch_holds_the_windows_it_names(view: View) -> None:
    positions = {c: i for i, c in enumerate(view.clip_ids)}
    starts, padded = set(), 0
    for batch in view.stream(seed=1, batch_size=4, window=16):
        assert batch["frames"].shape[:2] == (len(batch["clip_id"]), 16)
        assert batch["frames"].dtype == np.uint8
        for i, clip in enumerate(batch["clip_id"]):
            start = int(batch["start"][i])
            part = view.window(positions[str(clip)], start, 16)
            n, (height, width) = len(part.frame_ns), batch["size_px"][i]
            assert (height, width) == part.frames.shape[1:3]
            assert batch["mask"][i].tolist() == [True] * n + [False] * (16 - n)
            np.testing.assert_array_equal(batch["frames"][i, :n, :height, :width], part.frames)
            sums = [a.sum(dtype=np.int64) for a in (batch["frames"][i], part.frames)]
            assert sums[0] == sums[1], "zeros around it"
            np.testing.assert_array_equal(batch["frame_ns"][i, :n], part.frame_ns)
            np.testing.assert_array_equal(batch["states"][i, :n], part.states)
            np.testing.assert_array_equal(batch["actions"][i, :n], part.actions)
            assert batch["caption"][i] == part.caption
            starts.add(start)
            padded += n < 16
    assert len(starts) > 3, "windows are drawn, not always the first"
    assert padded > 0, "a clip shorter than the window is among them"


def test_human_video_has_no_actions(written: Written) -> None:
    batch = next(iter(handwheel.open(written.pin_file).view("wm_ego").stream(seed=1, batch_size=4)))
    assert not {"states", "actions"} & batch.keys()


@pytest.mark.parametrize("cut", range(8))
@pytest.mark.slow
def test_a_saved_state_goes_on_exactly(written: Written, cut: int) -> None:
    def fresh() -> handwheel.Stream:
        view = handwheel.open(written.pin_file).view(IDM_VIEW)
        return view.stream(seed=3, batch_size=2, rank=1, world_size=2, window=4)

    def take(stream: handwheel.Stream, count: int) -> list[Batch]:
        out: list[Batch] = []
        while len(out) < count:
            for batch in stream:
                out.append(batch)
                if len(out) == count:
                    break
        return out

    whole = take(fresh(), 9)  # 3 batches an epoch
    first = fresh()
    before = take(first, cut)
    state = json.loads(json.dumps(first.state_dict()))
    again = fresh()
    again.load_state_dict(state)
    after = take(again, 9 - cut)
    assert len(before) + len(after) == 9
    for one, two in zip(whole, before + after, strict=True):
        same(one, two)


@pytest.mark.parametrize("world", [1, 2, 5])
def test_a_job_of_another_size_takes_up_the_rest_of_the_epoch(view: View, world: int) -> None:
    old = [view.stream(seed=3, batch_size=2, rank=r, world_size=2, window=2) for r in range(2)]
    had = [next(iter(s)) for s in old]
    states = [s.state_dict() for s in old]
    assert states[0] == states[1]
    new = [view.stream(seed=3, batch_size=3, rank=r, world_size=world, window=2) for r in range(world)]
    for stream in new:
        stream.load_state_dict(states[0])
    rest = [b for s in new for b in s]
    assert sorted(ids(had) + ids(rest)) == list(view.clip_ids)


def test_another_releases_state_is_refused(
    written: Written, view: View, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = write_release(tmp_path_factory.mktemp("other"), clips=3, seed=1)
    assert other.pin.id != written.pin.id
    state = handwheel.open(other.pin_file).view(IDM_VIEW).stream(seed=3, batch_size=2).state_dict()
    stream = view.stream(seed=3, batch_size=2)
    said = f"release '{other.pin.id}', not '{written.pin.id}'"
    with pytest.raises(handwheel.VerificationError, match=said):
        stream.load_state_dict(state)


def test_another_streams_state_is_refused(view: View) -> None:
    stream = view.stream(seed=3, batch_size=2)
    good = stream.state_dict()
    wrong: list[dict[str, Any]] = [
        {"seed": 4}, {"window": 3}, {"view": "wm_ego"}, {"split": "train"}, {"epoch": -1}, {"epoch": None},
        {"rows_done": 12}, {"rows_done": -1}, {"rows_done": 1.5}, {"format": 2},
    ]  # fmt: skip
    for change in wrong:
        with pytest.raises(handwheel.VerificationError, match="state"):
            stream.load_state_dict(good | change)
    with pytest.raises(handwheel.VerificationError, match="state"):
        stream.load_state_dict({})
    assert stream.state_dict() == good


@pytest.mark.parametrize(
    "wrong", [{"rank": 2, "world_size": 2}, {"rank": -1}, {"batch_size": 0}, {"window": 0}, {"world_size": 0}]
)
def test_impossible_options_are_refused(view: View, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        view.stream(**({"seed": 1, "batch_size": 2} | wrong))


def test_torch_batches_are_the_same_numbers(view: View) -> None:
    torch = pytest.importorskip("torch", reason="the torch extra is not installed")
    arrays = list(view.stream(seed=5, batch_size=4))
    tensors = list(handwheel.torch_batches(view.stream(seed=5, batch_size=4)))
    assert len(arrays) == len(tensors) == 3
    for one, two in zip(arrays, tensors, strict=True):
        assert two["frames"].dtype == torch.uint8
        assert two["actions"].dtype == torch.float32
        for name, value in two.items():
            told = value if isinstance(value, list) else value.numpy()
            np.testing.assert_array_equal(told, one[name])


def _epoch_in_worker(view: View) -> list[str]:
    return ids(list(view.stream(seed=2, batch_size=4, window=2)))


@pytest.mark.slow
def test_spawned_workers_read_a_view_that_was_open_before(view: View) -> None:
    import multiprocessing

    here = _epoch_in_worker(view)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_epoch_in_worker, (view,)) == here


GOLDEN_ORDER = [1, 2, 0, 8, 6, 5, 7, 3, 9, 4]
GOLDEN_STARTS = [55, 17, 30]
