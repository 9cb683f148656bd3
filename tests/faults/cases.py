"""Inputs that went wrong, from a folder of scripts: each is made, brought in, and said beside what was expected.

    python -m tests.faults.cases FOLDER [part of a name ...]

A script is `<folder>/{logs,sources}/<name>.py`, run as `python <name>.py OUT`; its pictures say their own number, and
so does state[0]. No test needs such a folder: test_cases.py runs what here is judged on inputs of its own.
"""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from infra.storage.tables import Store
from infra.video import decoder, pixels
from infra.web.limits import FetchLimits
from orchestration.cli import main as cli
from pipelines.corpus import releases
from pipelines.corpus.episodes import latest_episodes
from pipelines.fold.hop import fold
from pipelines.hop import Run
from pipelines.ingest.hop import ingest
from pipelines.media.local_copy import local_copy
from pipelines.sources.logs import RobotSource
from pipelines.sources.recordings.base import Source
from pipelines.staging.options import IngestOptions
from schemas.keys import as_stored
from tests.faults.expected import EXPECTED, Case

BARS, BLOCKS = (64, 96), (96, 160)  # sizes of the two kinds of pictures that say their number


@dataclass(slots=True)
class Got:
    """What became of a case: attempts or recordings, how their rows lie beside their frames, what was left out."""

    episodes: list[dict[str, Any]] = field(default_factory=list)
    copies: int = 0  # second places of an attempt
    steps: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    assets: list[dict[str, Any]] = field(default_factory=list)
    clips: list[dict[str, Any]] = field(default_factory=list)
    rejects: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)
    misplaced: int = 0  # rows whose frame shows another number than the row says, less the episode's usual offset
    offsets: set[int] = field(default_factory=set)  # number of the picture less state[0], of all rows
    paired: int = 0  # rows that have a frame
    error: str = ""
    captions: list[str] = field(default_factory=list)
    release: dict[str, int] = field(default_factory=dict)  # rows by view of the newest release

    def outcomes(self) -> list[str]:
        """In order of place and name."""
        return [e["outcome"] for e in self.episodes]

    def told(self) -> str:
        """One line."""
        parts = [f"{len(self.episodes)} attempts"] if self.episodes else []
        if self.assets and not self.episodes:
            parts.append(f"{len(self.assets)} recordings, {sum(a['decoded_ns'] for a in self.assets) / 1e9:.1f} s")
        if self.paired:
            parts.append(f"{self.paired} rows paired, {self.misplaced} misplaced, offsets {sorted(self.offsets)[:4]}")
        parts += [f"{self.copies} copies"] if self.copies else []
        parts += [f"outcomes {dict(Counter(self.outcomes()))}"] if self.episodes else []
        parts += [f"left out {dict(self.rejects)}"] if self.rejects else []
        return "; ".join([*parts, *([self.error] if self.error else [])]) or "nothing"


def number_of(picture: Any) -> int | None:
    """The number that a picture, uint8 (h, w, 3), shows; None for one that is of neither kind."""
    grey = picture.astype(float).mean(axis=2)
    if grey.shape == BARS:
        bright = [grey[8:48, b * 96 // 12 + 2 : (b + 1) * 96 // 12 - 2].mean() > 125 for b in range(12)]
    elif grey.shape == BLOCKS:
        bright = [
            grey[b // 5 * 48 + 8 : b // 5 * 48 + 40, b % 5 * 32 + 4 : b % 5 * 32 + 28].mean() > 117 for b in range(10)
        ]
    else:
        return None
    return sum(1 << b for b, on in enumerate(bright) if on)


def numbers_of(path: Path) -> dict[int, int | None]:
    """The number each frame shows, by its time in ns."""
    container = decoder.open_media(path)
    stream = decoder.video_stream(container)
    return {
        p.t_ns: number_of(pixels.rgb(p.frame, (p.frame.width, p.frame.height), 0))
        for p in decoder.pictures(container, stream)
    }


def run_case(case: Case, script: Path, folder: Path) -> Got:
    """Makes the input, once for each of `case.runs`, and brings it in."""
    store, got = Store(str(folder / "corpus")), Got()
    for i, words in enumerate(case.runs):
        out = folder / "input"
        with _served(out, case.served) as port:
            command = [sys.executable, script.name, str(out), *words, *([str(port)] if case.served else [])]
            subprocess.run(command, cwd=script.parent, check=True, capture_output=True)
            try:
                _bring(case, store, out, f"run{i}", port)
            except Exception as e:  # noqa: BLE001 - what stops a run is what is to be told
                got.error = f"{type(e).__name__}: {e}"[:300]
    _read(store, got)
    return got


@contextmanager
def _served(out: Path, wanted: bool) -> Iterator[int]:
    if not wanted:
        yield 0
        return
    (out / "www").mkdir(parents=True, exist_ok=True)
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(out / "www"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()


def _bring(case: Case, store: Store, out: Path, run_id: str, port: int) -> None:
    run, fetch = Run(store, run_id), FetchLimits(allow_private=(f"127.0.0.1:{port}",)) if port else FetchLimits()
    options = IngestOptions(fetch=fetch)
    if case.turn:
        got_turn(case, store.root, out)
        return
    if robots := [RobotSource(**{**r, "uri": str(out / r["uri"])}) for r in case.robots]:
        fold(run, robots, options)
    if sources := [Source(**{**s, "uri": str(out / s["uri"])}) for s in case.sources]:
        ingest(run, sources, options)


def got_turn(case: Case, root: str, out: Path) -> None:
    """Runs the whole turn by the command. RuntimeError: it did not end well."""
    lines = [f'root = "{root}"', "[engines.ray]", "workers = 1"]
    for table, entries in (("robot", case.robots), ("source", case.sources)):
        for entry in entries:
            lines.append(f"[[{table}]]")
            lines += [f"{k} = {json.dumps(v)}" for k, v in {**entry, "uri": str(out / entry["uri"])}.items()]
    config = out.parent / "handwheel.toml"
    config.write_text("\n".join(lines))
    command = [sys.executable, "-m", cli.__name__, "turn", "--json", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {done.stderr.strip()[-200:]}")


def _read(store: Store, got: Got) -> None:
    got.captions = [row["text"] for row in store.read("captions", ["text"]).to_pylist()]
    if newest := releases.newest(store):
        views = newest.counts["views"]
        got.release = {view: facts["clips"] for view, facts in views.items()}
    rejects = store.read("rejects").to_pylist()
    got.rejects.update(r["reason"] for r in rejects)
    got.details = [f"{r['reason']}: {r['detail']}" for r in rejects]
    got.assets, got.clips = store.read("assets").to_pylist(), store.read("clips").to_pylist()
    got.copies = sum(e is not None for e in store.read("episodes", ["copy_of"])["copy_of"].to_pylist())
    rows = sorted((as_stored(e) for e in latest_episodes(store)), key=lambda e: (e["uri"], e["name"]))
    got.episodes = list(rows)
    by_id: dict[str, list[dict[str, Any]]] = {}
    for step in store.read("steps").to_pylist():
        by_id.setdefault(step.get("steps_id") or step["episode_id"], []).append(step)
    uris = {a["sha256"]: a["uri"] for a in got.assets}
    shown: dict[str, dict[int, int | None]] = {}
    for episode in got.episodes:
        steps = sorted(by_id.get(episode.get("steps_id") or episode["episode_id"], []), key=lambda s: s["frame"])
        got.steps[episode["episode_row_id"]] = steps
        for i, camera in enumerate(episode["cameras"]):
            sha = camera["sha256"]
            if sha not in shown:
                with local_copy(uris[sha], store.root, sha) as path:
                    shown[sha] = numbers_of(path)
            _judge(got, steps, i, camera, shown[sha])


def _judge(got: Got, steps: list[dict[str, Any]], i: int, camera: dict[str, Any], shown: dict[int, int | None]) -> None:
    """Adds how the numbers of the rows' frames lie beside state[0]."""
    offsets = []
    for step in steps:
        at = step["camera_ns"][i] if step.get("camera_ns") else step["t_ns"] + camera["start_ns"]
        if at is None or step["state"] is None:
            continue
        number = shown[min(shown, key=lambda t: abs(t - at))]
        if number is not None:
            offsets.append(number - round(step["state"][0]))
    if offsets:
        usual = Counter(offsets).most_common(1)[0][0]
        got.paired += len(offsets)
        got.misplaced += sum(o != usual for o in offsets)
        got.offsets |= set(np.unique(offsets).tolist())


def main(argv: Sequence[str]) -> int:
    """Prints the table; how many cases did not end as expected."""
    folder, wrong = Path(argv[0]), 0
    for script in sorted(folder.glob("*/*.py")):
        if script.stem.startswith("_") or (argv[1:] and not any(part in script.stem for part in argv[1:])):
            continue
        case = EXPECTED.get(script.stem)
        if case is None:
            print(f"??? {script.stem}: nothing is said of what it should give")
            wrong += 1
            continue
        with tempfile.TemporaryDirectory() as place:
            got = run_case(case, script, Path(place))
        right = _holds(case.holds, got)
        wrong += not right
        print(f"{'ok ' if right else 'NO '} {script.stem}\n     expected: {case.expected}\n     got:      {got.told()}")
        if not right:
            print("\n".join(f"               {detail[:200]}" for detail in got.details[:12]))
        sys.stdout.flush()
    print(f"{wrong} cases did not end as expected")
    return wrong


def _holds(holds: Callable[[Any], bool], got: Got) -> bool:
    try:
        return bool(holds(got))
    except (KeyError, IndexError, TypeError) as e:
        got.details.append(f"judged with {type(e).__name__}: {e}")
        return False


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 99))
