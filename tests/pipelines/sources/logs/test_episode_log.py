"""An attempt in memory is checked each time that it is made."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.support.episode_logs import episode_log


def test_a_lost_reading_is_noted_once_however_often_the_log_is_made_anew() -> None:
    log = replace(episode_log(3, ()), states=np.array([[0], [np.nan], [2]], np.float32))
    assert [n.code for n in log.notes] == ["lost_readings"]
    assert replace(log, split="train").notes == log.notes
