"""Every backend keeps one protocol: it is signed without a model, and answers each span once, in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from captioning.captioner import Captions, MeasuredSpan, Refusal
from captioning.prompt import prompt_for
from infra.models.language_model import ModelRequest
from pipelines.caption.backends import BACKENDS, find_backend, open_captioner, signature
from pipelines.caption.backends.base import PromptedCaptioner
from pipelines.caption.options import CaptionOptions
from schemas.errors import UsageError
from tests.support.caption_facts import RIGHT_ONLY, attempt, facts

SPANS = [
    MeasuredSpan(facts(narration="#C C picks up a cup", hands=RIGHT_ONLY), (b"jpeg",)),
    MeasuredSpan(facts(stage="robot", attempt=attempt(), end_ns=3_000_000_000), (b"jpeg",)),
]


@pytest.fixture
def options(tmp_path: Path) -> dict[str, CaptionOptions]:
    """Settings by backend, of models that nobody can load: only their names are known."""
    (tmp_path / "vlm").mkdir()
    (tmp_path / "vlm" / "config.json").write_text("{}")
    plain = {backend.name: CaptionOptions(backend=backend.name, model="m") for backend in BACKENDS}
    return plain | {
        "grounded": CaptionOptions(),
        "transformers": CaptionOptions(backend="transformers", model=str(tmp_path / "vlm")),
    }


@pytest.mark.parametrize("name", [backend.name for backend in BACKENDS])
def test_a_signature_loads_no_model(options: dict[str, CaptionOptions], name: str) -> None:
    captioner = open_captioner(options[name])
    human, robot = (captioner.signature(stage) for stage in ("ego", "robot"))
    assert human == captioner.signature("web") == signature(options[name], "ego")
    assert human.model == robot.model
    assert human.model.startswith(name)
    if isinstance(captioner, PromptedCaptioner):
        assert human.prompt != robot.prompt
        assert find_backend(options[name]).has_model
    assert isinstance(json.loads(captioner.decoding), dict)


def test_a_name_that_is_not_there_is_a_wrong_setting() -> None:
    names = ", ".join(backend.name for backend in BACKENDS)
    with pytest.raises(UsageError, match=f"it is one of {names}"):
        find_backend(CaptionOptions(backend="magic"))


def test_grounded_has_no_model_and_one_signature_for_all_stages() -> None:
    captioner = open_captioner(CaptionOptions())
    assert captioner.signature("ego") == captioner.signature("robot")
    assert not find_backend(CaptionOptions()).has_model
    assert {backend.name for backend in BACKENDS} >= {"grounded", "openai", "transformers"}


def test_a_model_is_opened_once_and_by_the_first_span() -> None:
    opened: list[int] = []
    requests: list[ModelRequest] = []

    class Echo:
        def complete(self, asked_for: Sequence[ModelRequest]) -> list[str]:
            requests.extend(asked_for)
            return [json.dumps({"content_hash": asked_for[0].content_hash, "L1": "Pick  up the cup."})] * len(asked_for)

    def open_model() -> Echo:
        opened.append(1)
        return Echo()

    captioner = PromptedCaptioner("echo 1", "{}", 1, open_model)
    assert captioner.signature("ego").prompt != PromptedCaptioner("echo 1", "{}", 2, open_model).signature("ego").prompt
    assert opened == []
    mine, others = captioner.write(SPANS)
    assert mine == Captions({"L1": "Pick up the cup."})
    assert isinstance(others, Refusal)
    assert others.reason == "wrong_clip"
    assert isinstance(captioner.write(SPANS[1:])[0], Captions)
    assert opened == [1]
    assert [r.images for r in requests] == [(b"jpeg",)] * 3
    assert [r.content_hash for r in requests] == [SPANS[0].facts.span_id, *[SPANS[1].facts.span_id] * 2]
    assert prompt_for("robot").text[:40] in requests[1].text


def test_an_attempts_instruction_stands_beside_a_models_levels() -> None:
    class Silent:
        def complete(self, requests: Sequence[ModelRequest]) -> list[str]:
            return [json.dumps({"content_hash": r.content_hash}) for r in requests]

    (answer,) = PromptedCaptioner("silent", "{}", 0, Silent).write(SPANS[1:])
    assert isinstance(answer, Captions)
    assert answer.texts == {"instruction": "Pick the pink block and place it at the goal."}


def test_grounded_answers_every_span() -> None:
    answers = open_captioner(CaptionOptions()).write(SPANS)
    assert all(isinstance(answer, Captions) for answer in answers)
