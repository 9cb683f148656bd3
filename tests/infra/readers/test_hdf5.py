"""The door to HDF5: what is read, and that a file which brings its reader down costs itself alone."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from infra.readers import hdf5
from infra.readers.hdf5 import Head
from infra.sandbox import sandbox
from schemas.errors import BadMedia
from tests.support import hdf5_child
from tests.support.annotated import EGODEX_SAID, egodex_hdf5


def made(folder: Path, count: int) -> list[Path]:
    return [egodex_hdf5(folder / f"{n}.hdf5", EGODEX_SAID | {"n": n}) for n in range(count)]


def test_attributes_and_small_arrays_come_in_order_over_groups(tmp_path: Path) -> None:
    attributes, arrays = ["n", "task", "llm_verbs", "nowhere"], ["camera/intrinsic", "a/b"]
    heads = list(hdf5.read_heads(made(tmp_path, 5), attributes, arrays, group_files=2))
    assert [h.attributes for h in heads if isinstance(h, Head)] == [
        {"n": n, "task": "basic_fold", "llm_verbs": ["fold"]} for n in range(5)
    ]
    assert all(isinstance(h, Head) and set(h.arrays) == {"camera/intrinsic"} for h in heads)


def test_what_is_no_text_or_number_is_absent_and_texts_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.hdf5"
    with h5py.File(path, "w") as file:
        file.attrs["many"] = np.zeros(1000)
        file.attrs["nan"] = float("nan")
        file.attrs["empty"] = h5py.Empty("f")
        file.attrs["reference"] = file.ref
        file.attrs["vlen"] = np.zeros(3)
        file.attrs["bytes"] = np.bytes_(b"caf\xe9")
        file.attrs["flag"] = True
        file.attrs["long"] = "x" * 50_000
    (head,) = hdf5.read_heads([path], ["many", "nan", "empty", "reference", "bytes", "flag", "long"], [])
    assert isinstance(head, Head)
    assert head.attributes == {"bytes": "caf\ufffd", "flag": 1, "long": "x" * hdf5.TEXT_CHARACTERS}


@pytest.mark.slow
def test_a_file_that_brings_its_reader_down_costs_itself_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox is real; the child is told to crash, hang or starve where a file's name says so."""
    files = made(tmp_path, 8)
    run = sandbox.run
    monkeypatch.setattr(sandbox, "run", lambda module, argv, limits: run(hdf5_child.__name__, argv, limits))
    named = {2: "crash", 5: "hang", 6: "starve"}
    files = [f.rename(f.with_name(f"{named.get(n, 'fine')}{n}.hdf5")) for n, f in enumerate(files)]
    heads = list(hdf5.read_heads(files, ["n"], [], sandbox.Limits(memory_bytes=2 << 30, cpu_s=20, wall_s=3.0)))
    assert [h.attributes["n"] if isinstance(h, Head) else h.reason for h in heads] == [
        0, 1, "decoder_crashed", 3, 4, "decoder_timeout", "decoder_memory", 7,
    ]  # fmt: skip


def test_damage_never_brings_the_door_down(tmp_path: Path) -> None:
    """Bytes of a good file changed at random: each file ends as a head or a reason, in order."""
    rng = np.random.default_rng(7)
    whole = np.frombuffer(egodex_hdf5(tmp_path / "whole.hdf5", EGODEX_SAID).read_bytes(), np.uint8)
    files = []
    for n in range(120):
        data = whole.copy()
        places = rng.integers(0, len(data) if n % 2 else 2048, 1 + n % 6)
        data[places] = rng.integers(0, 256, len(places))
        files.append(tmp_path / f"{n}.hdf5")
        files[-1].write_bytes(data.tobytes()[: len(data) if n % 5 else rng.integers(0, len(data))])
    heads = list(hdf5.read_heads(files, list(EGODEX_SAID), ["camera/intrinsic"]))
    assert len(heads) == len(files)
    reasons = [h.reason for h in heads if isinstance(h, BadMedia)]
    assert 10 < len(reasons) < len(files), "some are broken, and some are not"
    assert set(reasons) <= {"bad_hdf5", "decoder_timeout", "decoder_memory", "decoder_crashed"}
