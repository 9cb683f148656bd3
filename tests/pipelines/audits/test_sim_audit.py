"""The audit room reads the world's own captions as true: two lexicons, written apart, agree."""

from __future__ import annotations

import pytest
from simworld.tasks import plan, scene_graph, take, words

from pipelines.audits.captions import checks_of


@pytest.mark.slow
def test_the_worlds_own_captions_pass_every_check() -> None:
    count, failed = 16, []
    for index in range(count):
        for shot in plan.draw(7, index, count, plan.TakeOptions(task_s=3.0)).shots:
            one = take.play(shot)
            for task in scene_graph.shot_truth(one, 0, shot.frame_count).tasks:
                if task.verb == "none":
                    continue
                for kind, text in [*task.captions.items(), ("original", words.narration(task))]:
                    failed += [(name, kind, text) for name, ok in checks_of(kind, text, task).items() if not ok]
    assert failed == []
