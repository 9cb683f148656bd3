"""Damage to a file, drawn by a seed: flipped bits, a cut, nothing left, another number in its text."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

ODD_NUMBERS = (b"0", b"-1", b"1e999", b"99999999999999999999", b"null", b'"x"', b"[]", b"{}", b"0.5", b"true")


def damaged(data: bytes, rng: np.random.Generator) -> bytes:
    """The bytes with one damage."""
    kind = int(rng.integers(4))
    if kind == 0 and data:
        return data[: int(rng.integers(len(data)))]
    if kind == 1 and (numbers := list(re.finditer(rb"(?<![\w.])-?\d+(?![\w.])", data[:65536]))):
        at = numbers[rng.integers(len(numbers))]
        return data[: at.start()] + ODD_NUMBERS[rng.integers(len(ODD_NUMBERS))] + data[at.end() :]
    if kind == 2 and rng.random() < 0.2:
        return b""
    out = bytearray(data)
    for at in rng.integers(0, len(data), 3) if data else ():
        out[at] ^= 1 << int(rng.integers(8))
    return bytes(out)


def damage_one(files: list[Path], rng: np.random.Generator) -> tuple[Path, bytes]:
    """Damages one of the files on the disk. Returns it with what it held."""
    file = files[rng.integers(len(files))]
    whole = file.read_bytes()
    file.write_bytes(damaged(whole, rng))
    return file, whole
