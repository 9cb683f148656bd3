"""The client stands alone: it opens a pin and trains where the engine cannot be imported."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import handwheel
import pytest

from tests.support.releases import IDM_VIEW, Written, write_release

CLIENT = Path(handwheel.__file__).parents[1]
ENGINE_ROOT = Path(__file__).parents[3]
ENGINE = ("schemas", "filters", "captioning", "infra", "pipelines", "orchestration")

# -I -S: no PYTHONPATH, no working directory, no .pth file, so that no editable install leads to the engine.
ALONE = f"""
import importlib, runpy, sys, warnings
sys.path += {[str(CLIENT), *{sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}]!r}
for name in {ENGINE!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(f"the engine's {{name}} can be imported here: this proves nothing")
"""
OPENING = """
import handwheel
release = handwheel.open(sys.argv[1])
view = release.view("wm_ego", split="train")
seen = release.verify(deep=True)
clips = sum(len(b["clip_id"]) for b in view.stream(seed=1, batch_size=2))
heavy = sorted(m for m in ("torch", "boto3", "ray", "apache_beam", "cv2") if m in sys.modules)
print(handwheel.__version__, seen.rows, len(view[0].frames) > 0, clips, heavy)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return write_release(tmp_path_factory.mktemp("corpus"))


def alone(code: str, *args: str) -> str:
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", ALONE + code, *args]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_pin_opens_where_the_engine_is_not(written: Written) -> None:
    assert alone(OPENING, str(written.pin_file)) == f"{handwheel.__version__} 14 True 6 []\n"


def test_the_engine_is_seen_where_it_is() -> None:
    """The check above can fail: with the repository on the path it does."""
    code = f"import sys; sys.path.insert(0, {str(ENGINE_ROOT)!r})\n" + ALONE
    command = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd="/")
    assert "the engine's schemas can be imported here" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="the torch extra is not installed")
def test_the_example_learns_from_the_pin_alone(written: Written) -> None:
    code = "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    example = CLIENT / "examples" / "train_idm.py"
    told = json.loads(alone(code, str(example), "--pin", str(written.pin_file), "--steps", "30"))
    assert (told["release"], told["id"], told["view"]) == (written.pin.release, written.pin.id, IDM_VIEW)
    assert told["loss_after"] < 0.5 * told["loss_before"]
