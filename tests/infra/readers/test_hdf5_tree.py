"""What HDF5 files of logs hold, hostile ones included: nothing outside the file is read, bombs cost their array."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from infra.readers import hdf5_pictures, hdf5_tree
from infra.readers.hdf5_tree import Node, read_arrays, read_tree
from schemas.errors import BadMedia
from tests.support.log_pictures import encoded, is_red, number_of, numbered, padded


def made(path: Path, fill: Callable[[Any], None]) -> Path:
    with h5py.File(path, "w") as file:
        fill(file)
    return path


def secret(folder: Path) -> Path:
    """A file that is not to be read."""
    return made(folder / "secret.h5", lambda f: f.create_dataset("x", data=np.full(3, 7.0)))


def test_the_tree_tells_kinds_shapes_and_attributes(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file.attrs.update(flag=np.bool_(True), words="here", numbers=np.arange(3), broken=float("nan"))
        file["a/numbers"] = np.zeros((4, 2), np.float32)
        file["a/flags"] = np.array([True, False])
        file["a/texts"] = np.array([b"one", b"two"])
        file.create_dataset("a/rows", (2,), h5py.vlen_dtype(np.uint8))
        file["a/empty"] = h5py.Empty(np.float64)
        file["a/soft"] = h5py.SoftLink("/a/numbers")

    tree = read_tree(made(tmp_path / "a.h5", fill))
    assert tree[""] == Node("group", None, {"flag": True, "words": "here", "numbers": [0, 1, 2]})
    assert {path: (node.kind, node.shape, node.is_numbers) for path, node in tree.items() if path} == {
        "a": ("group", None, False), "a/numbers": ("<f4", (4, 2), True), "a/flags": ("|b1", (2,), True),
        "a/texts": ("text", (2,), False), "a/rows": ("bytes", (2,), False), "a/empty": ("outside", None, False),
        "a/soft": ("outside", None, False),
    }  # fmt: skip


def test_arrays_come_as_they_are_and_a_bad_one_costs_itself(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        file["numbers"] = np.arange(6, dtype=np.int64).reshape(3, 2)
        file["flags"] = np.array([True, False])
        file["texts"] = np.array(["héllo", "b"], h5py.string_dtype())
        file["one"] = "alone"

    arrays = read_arrays(made(tmp_path / "a.h5", fill), ["numbers", "flags", "texts", "one", "gone"])
    assert arrays.numbers["numbers"].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert arrays.numbers["flags"].dtype == np.bool_
    assert arrays.texts == {"texts": ["héllo", "b"], "one": ["alone"]}
    assert {name: bad.reason for name, bad in arrays.bad.items()} == {"gone": "missing_array"}


def soft(file: Any, folder: Path) -> None:
    file["y"] = np.zeros(3)
    file["x"] = h5py.SoftLink("/y")


def external_link(file: Any, folder: Path) -> None:
    file["x"] = h5py.ExternalLink(str(secret(folder)), "x")


def external_data(file: Any, folder: Path) -> None:
    file.create_dataset("x", (3,), np.float64, external=[(str(secret(folder)), 0, 24)])


def virtual(file: Any, folder: Path) -> None:
    layout = h5py.VirtualLayout((3,), np.float64)
    layout[:] = h5py.VirtualSource(str(secret(folder)), "x", (3,))
    file.create_virtual_dataset("x", layout)


def group(file: Any, folder: Path) -> None:
    file.create_group("x")


def wide_chunks(file: Any, folder: Path) -> None:
    file.create_dataset("x", (1 << 28,), np.float64, chunks=(1 << 28,), compression="gzip")


def too_much(file: Any, folder: Path) -> None:
    file.create_dataset("x", (1 << 30,), np.float64, chunks=(1 << 16,), compression="gzip")


@pytest.mark.parametrize(
    ("fill", "reason"),
    [
        (soft, "bad_hdf5"),
        (external_link, "bad_hdf5"),
        (external_data, "bad_hdf5"),
        (virtual, "bad_hdf5"),
        (group, "missing_array"),
        (wide_chunks, "bad_hdf5"),
        (too_much, "too_large"),
    ],
)
def test_what_reaches_out_or_is_a_bomb_is_refused(
    tmp_path: Path, fill: Callable[[Any, Path], None], reason: str
) -> None:
    path = made(tmp_path / "a.h5", lambda file: fill(file, tmp_path))
    arrays = read_arrays(path, ["x"])
    assert (arrays.numbers, arrays.bad["x"].reason) == ({}, reason)
    assert read_tree(path)["x"].kind in ("outside", "group", "<f8")
    with pytest.raises(BadMedia):
        list(hdf5_pictures.pictures(path, "x", {}))


def test_a_cycle_of_groups_ends(tmp_path: Path) -> None:
    def fill(file: Any) -> None:
        inner = file.create_group("a/b")
        inner["up"] = file["a"]

    assert set(read_tree(made(tmp_path / "a.h5", fill))) == {"", "a", "a/b", "a/b/up"}


def test_what_is_no_hdf5_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    for read in (read_tree, lambda path: read_arrays(path, ["x"])):
        with pytest.raises(BadMedia, match="bad_hdf5"):
            read(tmp_path / "a.h5")


def test_a_small_file_may_cost_little(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"x")
    with large.open("wb") as file:
        file.truncate(40 << 30)
    assert hdf5_tree.limits_of(small).cpu_s == hdf5_tree.CPU_S
    assert hdf5_tree.limits_of(large).cpu_s == hdf5_tree.MAX_CPU_S


@pytest.mark.parametrize("how", ["raw", "padded", "vlen"])
@pytest.mark.parametrize("order", ["rgb", "bgr"])
def test_pictures_of_each_layout(tmp_path: Path, how: str, order: str) -> None:
    own = [numbered(i, (80 + 8 * (how == "vlen"), 64)) for i in range(9)]
    stored = own if order == "rgb" else [p[..., ::-1] for p in own]

    def fill(file: Any) -> None:
        if how == "raw":
            file.create_dataset("x", data=np.stack(stored), chunks=(4, 64, 80, 3), compression="gzip")
        elif how == "padded":
            file["x"] = padded([encoded(p, ".jpg") for p in stored])
        else:
            rows = file.create_dataset("x", (9,), h5py.vlen_dtype(np.uint8))
            for i, picture in enumerate(stored):
                rows[i] = encoded(picture, ".png")

    path = made(tmp_path / "a.h5", fill)
    some = list(hdf5_pictures.pictures(path, "x", {"order": order, "rows": "2-99"}))
    assert len(some) == 7
    if how == "raw" or order == "bgr":
        assert all(isinstance(p, np.ndarray) and is_red(p) for p in some)
        assert [number_of(p) for p in some if isinstance(p, np.ndarray)] == list(range(2, 9))
    else:
        assert [bytes(encoded(p, ".jpg" if how == "padded" else ".png")) for p in own[2:]] == some
