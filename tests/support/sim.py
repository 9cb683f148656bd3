"""A small seeded world and the turn on it, made once a test run: what the world's tests and the floors look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from simworld import build

from orchestration import config, turn
from orchestration.cli import audit, main
from orchestration.config import Config
from pipelines.audits.result import Result
from tests.support import shared

OPTIONS = build.WorldOptions(seed=3, clips=8, robot=6, quality="draft")
# Both names of the kind: `world` is what it was called.
CONFIG = """root = "corpus"
[[source]]
kind = "sim"
uri = "{world}"
stage = "ego"
[[robot]]
kind = "world"
uri = "{world}"
[engines.beam]
workers = 2
"""


@dataclass(frozen=True, slots=True)
class SmallWorld:
    """The world's folder and the config of the corpus made of it."""

    folder: Path
    config: Config

    @property
    def truth(self) -> Path:
        return self.folder / "truth"

    def audit(self, name: str) -> Result:
        return audit.run(name, self.config, self.truth)


@cache
def rendered() -> Path:
    """The world's folder. Recordings that this code has rendered before come from the cache."""
    return shared.once("sim", lambda folder: _render(folder / "world")) / "world"


def _render(world: Path) -> None:
    build.build(world, OPTIONS)


@cache
def turned() -> SmallWorld:
    """The world after ingest, fold, detect, filter and caption."""
    folder = shared.once("sim_turned", _run_hops)
    return SmallWorld(rendered(), config.load(folder / "handwheel.toml", [], None))


def _run_hops(folder: Path) -> None:
    file = folder / "handwheel.toml"
    file.write_text(CONFIG.format(world=rendered()))
    hops = [turn.hop_named(name) for name in ("ingest", "fold", "detect", "filter", "caption")]
    main.run_hops(hops, config.load(file, [], None), as_json=False)
