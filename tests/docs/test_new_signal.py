"""CONTRIBUTING's signal is one new file and its lines: put into a copy of the code, it is measured, kept and judged."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.pages import REPOSITORY, blocks_of, read_page
from tests.support.robot_logs import write_video

ROOMS = ("schemas", "filters", "captioning", "infra", "pipelines", "orchestration")
# In the copy's own process: a film through the real pass, its row into the store, and the policy over it.
USE = """
import json, sys
from pathlib import Path
import pyarrow as pa
from filters.policies.decide import decide
from filters.policies.policy import Policy
from infra.storage.tables import Store
from orchestration.config import commented
from pipelines.media.decode_child import decode
from pipelines.media.options import PassOptions
from schemas import Hands
from schemas.arrow import empty

film, folder = Path(sys.argv[1]), Path(sys.argv[2])
(clip,) = decode(film, folder, "ab" * 32, PassOptions())["clips"]
store = Store(str(folder / "corpus"))
store.insert("clips", [clip | {"camera": None, "run_id": "r"}], run_id="r")
clips = store.read("clips")
clips = clips.append_column("stage", pa.array(["ego"])).append_column("licence", pa.array(["CC0-1.0"]))
hands = pa.Table.from_pylist(
    [{"hands_id": "h", "clip_row_id": clip["clip_row_id"], "clip_id": clip["clip_id"], "detector": "d",
      "sample_ns": [0], "hands": [], "run_id": "r"}],
    schema=empty(Hands).schema,
)
reasons = {
    limit: decide(clips, hands, Policy(detector="d", min_contrast=limit), "r")["reasons"].to_pylist()
    for limit in (0.0, 200.0)
}
keys = [line for line in commented().splitlines() if line.startswith("# min_contrast = ")]
print(json.dumps({"stored": clips["contrast"].to_pylist(), "reasons": list(reasons.values()), "keys": keys}))
"""


def line_of(page: str, ending: str) -> str:
    """The one line of code in the page's prose that ends so."""
    (line,) = re.findall(rf"`(\w+: [^`]+{re.escape(ending)})`", page)
    return str(line)


def add(path: Path, constant: str, before: str, line: str) -> None:
    """A field before another, and the import of what it names."""
    text = path.read_text()
    assert text.count(before) == 1
    text = text.replace(before, f"    {line}\n{before}")
    first = text.index("from schemas.signals.")
    path.write_text(f"{text[:first]}from schemas.signals.contrast import {constant}\n{text[first:]}")


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the copy made of a film, with the new file and its lines in it."""
    folder = tmp_path_factory.mktemp("signal")
    for room in ROOMS:
        shutil.copytree(REPOSITORY / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    page = read_page("CONTRIBUTING.md")
    (folder / "schemas/signals/contrast.py").write_text(blocks_of("CONTRIBUTING.md", "run: signal")[0].text)
    add(folder / "schemas/recordings.py", "CONTRAST", "    fingerprints: ", line_of(page, "CONTRAST.column()"))
    add(folder / "filters/policies/policy.py", "FLAT", "    max_damaged_share: ", line_of(page, "FLAT.policy_field()"))
    film = folder / "take.mp4"
    write_video(film, frames=20)
    paths = [folder, REPOSITORY / "packages/handwheel", REPOSITORY / "packages/handwheel-sim"]
    ran = subprocess.run(
        [sys.executable, "-c", USE, str(film), str(folder)], capture_output=True, text=True, timeout=300, check=False,
        cwd=folder, env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_pass_measures_it_and_the_table_keeps_it(used: Any) -> None:
    (stored,) = used["stored"]
    assert 10 < stored < 128


def test_the_policy_judges_it_and_the_config_has_its_key(used: Any) -> None:
    assert used["reasons"] == [[["no_hands"]], [["flat"]]]
    assert used["keys"] == ["# min_contrast = 3.0  # flatter: flat. Ours: say on what you chose the number"]
