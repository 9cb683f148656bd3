"""The judge of cases: it reads the number of a picture, and sees a row beside another frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.faults.cases import BARS, BLOCKS, Got, run_case
from tests.faults.cases import number_of as number
from tests.faults.expected import Case

SCRIPT = """
import sys
import numpy as np
from pathlib import Path
from tests.faults.test_cases import picture, BARS
from tests.support.robot_logs import write_plain
from infra.video.encoder import Encoder
out = Path(sys.argv[1])
shown = [0, 1, 2, 4, 4, 5] if sys.argv[2] == "wrong" else range(6)
write_plain(out, "take", np.arange(6.0)[:, None], np.ones((6, 1)), video=False)
encoder = Encoder(out / "take.mp4", (96, 64), 10)
for k in shown:
    encoder.write(picture(k, BARS))
encoder.close()
"""


def picture(k: int, size: tuple[int, int]) -> np.ndarray:
    """One that says its number: 12 bars, or 5 x 2 blocks."""
    out = np.full((*size, 3), 16, np.uint8)
    for b in range(12 if size == BARS else 10):
        if k >> b & 1 and size == BARS:
            out[:, b * 96 // 12 : (b + 1) * 96 // 12] = 235
        elif k >> b & 1:
            out[b // 5 * 48 : b // 5 * 48 + 48, b % 5 * 32 : b % 5 * 32 + 32] = 235
    return out


@pytest.mark.parametrize("k", [0, 1, 37, 1023])
def test_a_picture_says_its_number(k: int) -> None:
    assert [number(picture(k, size)) for size in (BARS, BLOCKS)] == [k, k]
    assert number(np.zeros((10, 10, 3), np.uint8)) is None


@pytest.mark.parametrize(("word", "misplaced"), [("right", 0), ("wrong", 1)])
@pytest.mark.slow
def test_a_row_beside_another_frame_is_seen(tmp_path: Path, word: str, misplaced: int) -> None:
    script = tmp_path / "case.py"
    script.write_text(SCRIPT)
    case = Case(expected="", holds=bool, robots=({"kind": "plain_log", "uri": ""},), runs=((word,),))
    got: Got = run_case(case, script, tmp_path / "work")
    assert (len(got.episodes), got.paired, got.misplaced, got.error) == (1, 6, misplaced, "")
