"""Hostile logs of messages: valid ones, broken at seeded places.

python -m tests.faults.fuzz_message_logs --inputs 500 --seed 7: every input ends as an attempt or a refusal, within
`LONGEST_S`, and nothing else is raised; where an attempt comes out, its film has a picture for each stamp. Prints how
many ended how, and exits 1 otherwise.
"""

from __future__ import annotations

import argparse
import collections
import functools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mcap.writer import CompressionType

from pipelines.media import log_pictures
from pipelines.sources.logs import kind_of
from pipelines.sources.logs.base import BadEpisode, LogOptions
from schemas.errors import BadMedia, TransientError
from tests.faults.fuzz import Found, Rng
from tests.faults.fuzz_parsers import broken
from tests.support.message_logs import (
    T0,
    Sent,
    arm,
    by_log_time,
    header,
    jpeg,
    text,
    write_bag1,
    write_json_mcap,
    write_mcap,
    write_sqlite,
)

LONGEST_S = 30.0
NAMES = {"mcap": "a.mcap", "rosbag2": "a.db3", "rosbag1": "a.bag"}


def messages() -> list[Sent]:
    """Joints, pictures, a command of its own type and words."""
    commands = []
    for t in range(T0, T0 + 600_000_000, 100_000_000):
        fields = {"header": header(t), "joint_names": ["a", "b"], "velocities": [1.0, 2.0], "gripper": 0.5}
        commands.append(Sent("/command", "made_msgs/msg/Command", t + 1, fields))
    return by_log_time([*arm(6), text(T0, "go"), *commands])


@functools.cache
def seeds(kind: str) -> tuple[bytes, ...]:
    """Valid logs of a kind, small."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, NAMES[kind])
        if kind == "rosbag1":
            return (write_bag1(path, messages()).read_bytes(),)
        if kind == "rosbag2":
            plain = write_sqlite(path, messages()).read_bytes()
            path.unlink()
            return plain, write_sqlite(path, [s for s in messages() if "made" not in s.type], False).read_bytes()
        packed = [write_mcap(path, messages(), compression=c).read_bytes() for c in CompressionType]
        stamp = {"sec": T0 // 10**9, "nsec": 0}
        said = [
            Sent("/top", "foxglove.CompressedImage", T0 + k, {"timestamp": stamp, "data": jpeg(k)}) for k in range(3)
        ]
        return (*packed, write_json_mcap(path, said).read_bytes())


def ends(kind: str, path: Path) -> Iterator[str]:
    """What becomes of a log and of its pictures."""
    form = kind_of(kind)
    for item in form.list(str(path.parent), LogOptions()):
        try:
            for part in form.read(item, path.parent, LogOptions()):
                if isinstance(part, BadEpisode):
                    yield part.reason
                    continue
                yield "attempt"
                for camera in part.cameras:
                    yield film_end(camera.uri, len(camera.frame_stamps_ns) if camera.frame_stamps_ns is not None else 0)
        except (BadMedia, TransientError) as e:
            yield getattr(e, "reason", "unreached")


def film_end(uri: str, count: int) -> str:
    """`film`, or why it cannot be made. AssertionError: it has another number of pictures than stamps."""
    split = log_pictures.split(uri)
    assert split is not None
    log_uri, selector = split
    pictures = log_pictures.FORMATS[selector.format].pictures(Path(log_uri), selector.where, selector.options)
    made = sum(1 for _ in pictures)
    assert made == count, f"{made} pictures for {count} stamps"
    return "film"


def fuzz(folder: Path, inputs: int, seed: int, kind: str) -> Found:
    """Takes broken logs of a kind."""
    found = Found(collections.Counter(), [])
    for i in range(inputs):
        rng: Rng = np.random.default_rng([seed, i, *kind.encode()])
        path = folder / str(i) / NAMES[kind]
        path.parent.mkdir(parents=True)
        path.write_bytes(broken(list(seeds(kind)), rng))
        started_s = time.monotonic()
        try:
            found.ends.update(collections.Counter(ends(kind, path)) or {"nothing": 1})
        except Exception as e:  # noqa: BLE001 - any other error is what this looks for
            found.wrong.append(f"{kind} {seed} {i}: {type(e).__name__}: {str(e)[-300:]}")
        if (took_s := time.monotonic() - started_s) > LONGEST_S:
            found.wrong.append(f"{kind} {seed} {i}: {took_s:.0f} s")
        path.unlink()
    return found


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=sorted(NAMES))
    options = parser.parse_args()
    wrong = 0
    for kind in [options.only] if options.only else NAMES:
        with tempfile.TemporaryDirectory() as folder:
            found = fuzz(Path(folder), options.inputs, options.seed, kind)
        print(kind, dict(found.ends.most_common()), *found.wrong, sep="\n  ")
        wrong += len(found.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
