"""Real robot logs, a folder each: what a dry look and a fold make of them, beside the format's own library, as a table.

    python -m tests.faults.samples FOLDER [--fps KIND=HZ ...] [part of a name ...]

Each folder below FOLDER is looked at as `handwheel doctor --logs` does, then folded into a corpus of its own. Numbers
equal: states and actions that are bit for bit the library's, of how many; for a folder without attempts, topics with as
many messages. Pictures equal: rows whose frame is the library's picture of that row and of none beside it (two decoders
of one JPEG differ by 1 to 3 of 255). No test needs such a folder: test_samples.py makes its own.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from infra.storage.tables import Store
from infra.video import decoder, pixels
from pipelines.corpus.episodes import latest_episodes
from pipelines.fold.dry_look import look
from pipelines.fold.hop import fold
from pipelines.fold.look_facts import Look
from pipelines.hop import Run
from pipelines.media.local_copy import local_copy
from pipelines.sources.logs import RobotSource, kind_of
from pipelines.sources.logs.base import LogOptions
from pipelines.staging.options import IngestOptions
from schemas.errors import HandwheelError
from schemas.keys import as_stored
from tests.faults.library_values import TRUTHS, Truth, topic_counts

PICTURES_APART = 4.0  # of 255, mean over a picture: two decoders of one JPEG
NEAR = 5  # rows before and behind whose pictures must not be nearer
NOISE = 0.05  # of 255: pictures of a robot that stands still
EVERY = 4  # pixels in each direction are compared, so that an attempt's pictures fit into memory
HEADS = ("sample", "kind", "attempts", "copies", "steps", "frames", "cameras", "outcomes", "nulls", "left out",
         "numbers equal", "pictures equal", "dry look")  # fmt: skip
Row = dict[str, Any]  # of a table, as it is stored


@dataclass(slots=True)
class Equal:
    """Values that are the library's, of how many."""

    numbers: int = 0
    numbers_of: int = 0
    pictures: int = 0
    pictures_of: int = 0

    def add_numbers(self, ours: list[Any], theirs: np.ndarray | None) -> None:
        """ours: a row a step. A width or count that differs makes all of them unequal."""
        wanted = np.zeros((0, 0), np.float32) if theirs is None else theirs
        own = np.array([row for row in ours if row is not None], np.float32).reshape(-1, max(wanted.shape[-1], 1))
        self.numbers_of += wanted.size
        self.numbers += int((own == wanted).sum()) if own.shape == wanted.shape else 0

    def add_pictures(self, ours: Sequence[np.ndarray | None], theirs: Sequence[np.ndarray]) -> None:
        """RGB of the rows' frames, and of all rows by the library."""
        self.pictures_of += max(len(ours), len(theirs))
        for i, own in enumerate(ours[: len(theirs)]):
            near = theirs[max(i - NEAR, 0) : i + NEAR + 1]
            apart = [_apart(own, picture) for picture in near]
            mine = apart[i - max(i - NEAR, 0)]
            self.pictures += bool(mine <= min(PICTURES_APART, min(apart) + NOISE))


def _apart(ours: np.ndarray | None, theirs: np.ndarray) -> float:
    """Mean difference of two pictures, of 255."""
    return np.inf if ours is None or ours.shape != theirs.shape else float(np.abs(ours.astype(int) - theirs).mean())


def main(argv: Sequence[str]) -> None:
    """Prints a table of the folders, in Markdown."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--fps", action="append", default=[])
    given = parser.parse_args(argv)
    rates = {kind: float(rate) for kind, rate in (pair.split("=") for pair in given.fps)}
    print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}")
    for folder in sorted(p for p in given.folder.iterdir() if p.is_dir()):
        if not given.names or any(part in folder.name for part in given.names):
            print(f"| {' | '.join([folder.name, *row_of(folder, rates)])} |")
            sys.stdout.flush()


def row_of(folder: Path, rates: dict[str, float]) -> list[str]:
    """The cells behind the folder's name."""
    try:
        seen = look(RobotSource(kind="", uri=str(folder)), 1 << 30)
        source = RobotSource(kind=seen.kind, uri=str(folder), fps_hz=rates.get(seen.kind))
        with tempfile.TemporaryDirectory() as place:
            store = Store(place)
            fold(Run(store, "samples"), [source], IngestOptions())
            return [seen.kind, *_cells(store, seen)]
    except HandwheelError as e:
        return ["-", str(e)[:150]]


def _cells(store: Store, seen: Look) -> Iterator[str]:
    rows = list(store.read("episodes").to_pylist())
    episodes = sorted((dict(as_stored(e)) for e in latest_episodes(store)), key=lambda e: (e["uri"], e["name"]))
    by_id: dict[str, list[Row]] = {}
    for step in sorted(store.read("steps").to_pylist(), key=lambda s: s["frame"]):
        by_id.setdefault(step["steps_id"], []).append(step)
    steps = [s for e in episodes for s in by_id[e["steps_id"]]]
    rejects = Counter(store.read("rejects", ["reason"])["reason"].to_pylist())
    copies = len(rows) - len(episodes)
    nulls = Counter({name: sum(s[name] is None for s in steps) for name in ("state", "action_commanded", "reward")})
    yield from (str(n) for n in (len(episodes), copies, len(steps)))
    yield str(sum(t is not None for s in steps for t in s["camera_ns"] or []))
    yield ", ".join(sorted({c["camera"] for e in episodes for c in e["cameras"]})) or "none"
    yield from (_counts(c) for c in (Counter(e["outcome"] for e in episodes), nulls, rejects))
    equal = Equal()
    for episode in episodes:
        if seen.kind in TRUTHS:
            compare(store, episode, by_id[episode["steps_id"]], TRUTHS[seen.kind](episode), equal)
    yield f"{equal.numbers:,} of {equal.numbers_of:,}" if episodes else _topics(seen)
    yield f"{equal.pictures:,} of {equal.pictures_of:,}" if episodes else "none there"
    yield _beside(seen, len(rows), rejects)


def _topics(seen: Look) -> str:
    """Topics of logs of messages whose counts are the library's, of how many."""
    kind, right, total = kind_of(seen.kind), 0, 0
    for item in kind.list(seen.uri, LogOptions()) if kind.holds is not None else ():
        wanted = topic_counts(Path(item.uri))
        ours = {f.name: f.about for f in kind.holds(item, LogOptions())}
        total += len(wanted.keys() | ours.keys())
        right += sum(ours.get(topic, "").endswith(f", {n} messages") for topic, n in wanted.items())
    return f"{right} of {total} topics"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {n}" for name, n in sorted(counts.items()) if n) or "none"


def _beside(seen: Look, attempts: int, rejects: Counter[str]) -> str:
    """Whether the dry look counted what the fold gave, each place of an attempt for itself."""
    apart = [f"{seen.attempts} attempts"] if seen.attempts != attempts else []
    apart += [f"{reason} {n}" for reason, n in sorted(seen.refused_count.items()) if rejects[reason] != n]
    apart += [f"no {reason}" for reason in sorted(rejects) if reason not in seen.refused_count]
    return ", ".join(apart) or "the same"


def compare(store: Store, episode: Row, steps: list[Row], truth: Truth, equal: Equal) -> None:
    """Adds the attempt's numbers, and the frame of each row of each camera that the library has."""
    equal.add_numbers([s["state"] for s in steps], truth.states)
    equal.add_numbers([s["action_commanded"] for s in steps], truth.actions)
    uris = {a["sha256"]: a["uri"] for a in store.read("assets", ["sha256", "uri"]).to_pylist()}
    for i, camera in enumerate(episode["cameras"]):
        if camera["camera"] not in truth.pictures:
            continue
        with local_copy(uris[camera["sha256"]], store.root, camera["sha256"]) as path:
            shown = _pictures(path)
        theirs = [picture[::EVERY, ::EVERY].copy() for picture in truth.pictures[camera["camera"]]()]
        equal.add_pictures([shown.get(s["camera_ns"][i]) for s in steps], theirs)


def _pictures(path: Path) -> dict[int, np.ndarray]:
    """A recording's pictures by their time in ns, every EVERY-th pixel of them."""
    container = decoder.open_media(path)
    stream = decoder.video_stream(container)
    return {
        p.t_ns: pixels.rgb(p.frame, (p.frame.width, p.frame.height), 0)[::EVERY, ::EVERY].copy()
        for p in decoder.pictures(container, stream)
    }


if __name__ == "__main__":
    main(sys.argv[1:])
