"""A whole turn over a data set of the Hub: the release of its files on disk, and what a new commit adds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import handwheel
import pytest

from tests.faults.turns import told
from tests.support.hub_server import serving_hub
from tests.support.robot_logs import LeRobotSpec, write_lerobot_v21

VIEW = "idm_so101_follower"


def turn_over(folder: Path, uri: str) -> dict[str, Any]:
    """What a turn printed whose only logs lie at a URI."""
    folder.mkdir(exist_ok=True)
    config = folder / "handwheel.toml"
    config.write_text(f'root = "corpus"\n[[robot]]\nkind = "lerobot"\nuri = "{uri}"\nlicence = "CC0-1.0"\n')
    return told(["turn", "--config", str(config)])


def spec_of(*lengths: int) -> LeRobotSpec:
    return LeRobotSpec(version="v2.1", orphans=0, lengths=lengths, rewards=(1.0,) * len(lengths))


@pytest.mark.slow
def test_a_turn_over_the_hub_publishes_what_one_over_its_files_does(tmp_path: Path) -> None:
    with serving_hub() as hub:
        local = write_lerobot_v21(tmp_path / "set", spec_of(12, 9))
        hub.repo("lab/arm").push_folder(local, "v1", below="sets/one/")
        uri = "hf://datasets/lab/arm@v1/sets"
        there, here = turn_over(tmp_path / "there", uri), turn_over(tmp_path / "here", str(local))
        assert there["added"] == here["added"]
        assert there["added"]["episodes"] == 2
        ours, theirs = (handwheel.open(printed["pin"]).view(VIEW) for printed in (there, here))
        assert ours.clip_ids == theirs.clip_ids
        assert len(ours) == 2
        for i in range(2):
            assert (ours[i].frames == theirs[i].frames).all()
            assert (ours[i].actions == theirs[i].actions).all()

        assert turn_over(tmp_path / "there", uri)["added"] == {}
        more = write_lerobot_v21(tmp_path / "more", spec_of(12, 9, 15))
        hub.repo("lab/arm").push_folder(more, "v1", below="sets/one/")
        grown = turn_over(tmp_path / "there", uri)
        assert grown["added"]["episodes"] == 1
        assert len(handwheel.open(grown["pin"]).view(VIEW)) == 3
