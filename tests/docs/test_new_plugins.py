"""CONTRIBUTING's captioner and detector are each one new file and one line: put into a copy of the code, both work."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import REPOSITORY, blocks_of, read_page

ROOMS = ("schemas", "filters", "captioning", "infra", "pipelines", "orchestration")
# In the copy's own process: the config takes both names, and both plug-ins are made by them.
USE = """
import json, sys
import numpy as np
from captioning.captioner import MeasuredSpan
from captioning.facts import Facts
from orchestration.config import load
from pipelines.caption.backends import open_captioner, signature
from pipelines.detect.detectors import detector_version, find_detector

settings = ["captions.backend=command", f"captions.model={sys.argv[1]}",
            'detect.detectors=["mediapipe", "skin"]']
config = load(None, settings, None)
facts = Facts(basis="b", span_id="s", sha256="a" * 64, start_ns=0, end_ns=10**9, stage="ego", narration=None,
              hands=None, camera_motion=None, attempt=None)
(refusal,) = open_captioner(config.captions).write([MeasuredSpan(facts)])
detectors = [find_detector(name) for name in config.detect.detectors]
skin = np.full((48, 64, 3), (200, 140, 120), np.uint8)
print(json.dumps({
    "model": signature(config.captions, "ego").model, "reason": refusal.reason,
    "versions": [d.track_version for d in detectors], "judges": detector_version(),
    "hands": [len(hands) for hands in detectors[1].open().find_hands([skin, skin * 0 + 90])],
}))
"""


def add(path: Path, module: str, tuple_of: str, line: str) -> None:
    """One line at the end of a tuple of plug-ins, and the module among the imports."""
    assert f"`{line}`" in read_page("CONTRIBUTING.md")
    head, rows, rest = re.split(rf"(\n{tuple_of}: .* = \(\n(?:    .*\n)+)", path.read_text())
    first = head.index("from schemas.")
    path.write_text(f"{head[:first]}{module}\n{head[first:]}{rows}    {line}\n{rest}")


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the copy made of both, with the new files and their lines in it."""
    folder = tmp_path_factory.mktemp("plugins")
    for room in ROOMS:
        shutil.copytree(REPOSITORY / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    for mark, place in (
        ("run: captioner", "pipelines/caption/backends/command.py"),
        ("run: detector", "infra/models/skin_hands.py"),
    ):
        (folder / place).write_text(blocks_of("CONTRIBUTING.md", mark)[0].text)
    add(
        folder / "pipelines/caption/backends/__init__.py",
        "from pipelines.caption.backends import command", "BACKENDS", "command.BACKEND,",
    )  # fmt: skip
    add(
        folder / "pipelines/detect/detectors.py",
        "from infra.models import skin_hands", "DETECTORS",
        'Detector("skin", skin_hands.version, skin_hands.SkinHandDetector),',
    )  # fmt: skip
    paths = [folder, REPOSITORY / "packages/handwheel", REPOSITORY / "packages/handwheel-sim"]
    ran = subprocess.run(
        [sys.executable, "-c", USE, shlex.join(["echo", "no captions"])], capture_output=True, text=True, timeout=300,
        check=False, cwd=folder, env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_captioner_is_signed_and_asked(used: Any) -> None:
    assert used["model"] == "command echo 'no captions'"
    assert used["reason"] == "bad_reply"


def test_the_detector_runs_beside_the_one_that_judges(used: Any) -> None:
    mediapipe, skin = used["versions"]
    assert used["judges"] == mediapipe
    assert skin.startswith("skin-1-")
    assert used["hands"] == [1, 0]
