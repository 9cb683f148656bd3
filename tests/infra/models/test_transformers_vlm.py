"""The transformers door with a real architecture: pictures count, replies are deterministic."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

from captioning.prompt import parse, prompt_for, render
from infra.models.language_model import ModelRequest
from infra.models.transformers_vlm import TransformersVlm
from schemas.errors import BadMedia, UsageError
from tests.support.caption_facts import RIGHT_ONLY, facts

pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="no torch: the transformers captioner is not tested")
KNOWN = facts(narration="#C C picks up the cup", hands=RIGHT_ONLY)


def jpeg(seed: int) -> bytes:
    picture = np.random.default_rng(seed).integers(0, 255, (96, 128, 3), np.uint8)
    return bytes(cv2.imencode(".jpg", picture)[1])


@pytest.fixture(scope="module")
def vlm(tmp_path_factory: pytest.TempPathFactory) -> TransformersVlm:
    from tests.support.tiny_vlm import save_tiny_vlm

    folder = tmp_path_factory.mktemp("vlm") / "tiny-llava"
    save_tiny_vlm(folder)
    return TransformersVlm(str(folder), max_new_tokens=24)


def ask(vlm: TransformersVlm, *seeds: int, text: str = "what") -> str:
    return vlm.complete([ModelRequest(text, tuple(jpeg(s) for s in seeds), KNOWN.span_id)])[0]


@pytest.mark.slow
def test_replies_are_deterministic_and_depend_on_the_pictures(vlm: TransformersVlm) -> None:
    first = ask(vlm, 1, 2)
    assert first
    assert ask(vlm, 1, 2) == first
    assert len({first, ask(vlm, 3, 4), ask(vlm, 2, 1), ask(vlm)}) == 4


@pytest.mark.slow
def test_what_random_weights_say_is_refused(vlm: TransformersVlm) -> None:
    with pytest.raises(BadMedia, match="bad_reply"):
        parse(ask(vlm, 1, text=render(prompt_for("ego"), KNOWN)), KNOWN)


@pytest.mark.slow
def test_the_name_tells_the_weights(vlm: TransformersVlm) -> None:
    assert vlm.name.startswith("transformers tiny-llava ")
    assert len(vlm.name.split()[-1]) == 12


@pytest.mark.slow
def test_a_missing_model_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no vision-language model"):
        TransformersVlm(str(tmp_path / "nothing"))
