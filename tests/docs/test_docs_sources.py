"""docs/sources and the readers' own examples: a page and a block a kind, and every block is a config that loads."""

from __future__ import annotations

import inspect
import json
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path

import pytest

from orchestration.config import Config, load
from pipelines.sources import recordings
from pipelines.sources.logs import KINDS as LOGS
from pipelines.sources.logs import plain_log
from pipelines.sources.recordings import KINDS as SOURCES
from tests.support.pages import FENCE, REPOSITORY, blocks_of, read_page

PAGE, FOLDER = "docs/sources.md", "docs/sources"
ANNOTATED = ("epic_kitchens", "ego4d", "ego_exo4d", "egodex")
KINDS = sorted(kind.name for kind in SOURCES)
LOG_KINDS = sorted(kind.name for kind in LOGS)


def config_of(text: str, tmp_path: Path) -> Config:
    (tmp_path / "handwheel.toml").write_text(text)
    return load(tmp_path / "handwheel.toml", [], None)


def kind_of(text: str, tmp_path: Path) -> str:
    """The kind of a config's one source."""
    (source,) = config_of(text, tmp_path).source
    return source.kind


def marks_of(kinds: Iterable[str], word: str) -> list[str]:
    """Pages of kinds that have a block of their own kind."""
    pages = {kind: [m["mark"] for m in FENCE.finditer(read_page(f"{FOLDER}/{kind}.md"))] for kind in kinds}
    return [kind for kind, marks in pages.items() if marks.count(f"{word}: {kind}") == 1]


def test_every_kind_has_a_page_a_row_and_a_block() -> None:
    assert {p.stem for p in (REPOSITORY / FOLDER).glob("*.md")} == {*KINDS, *LOG_KINDS, "annotated", "hub"}
    assert marks_of(KINDS, "source") == KINDS
    assert marks_of(LOG_KINDS, "robot") == LOG_KINDS
    rows = re.findall(r"^\| \[`(\w+)`\]\(sources/(\w+)\.md\) \|", read_page(PAGE), re.MULTILINE)
    assert all(kind == page for kind, page in rows)
    assert sorted(kind for kind, _ in rows) == sorted([*KINDS, *LOG_KINDS])


@pytest.mark.parametrize("kind", [*KINDS, *sorted({*LOG_KINDS, "annotated"} - set(KINDS))])
def test_a_kinds_page_is_named_after_it(kind: str) -> None:
    title = "What the annotated corpora share\n" if kind == "annotated" else f"{kind}: "
    assert read_page(f"{FOLDER}/{kind}.md").startswith(f"# {title}")


@pytest.mark.parametrize("kind", KINDS)
def test_a_kinds_block_loads(kind: str, tmp_path: Path) -> None:
    (block,) = blocks_of(f"{FOLDER}/{kind}.md", f"source: {kind}")
    assert (block.language, kind_of(block.text, tmp_path)) == ("toml", kind)


@pytest.mark.parametrize("kind", LOG_KINDS)
def test_a_log_kinds_block_loads(kind: str, tmp_path: Path) -> None:
    (block,) = blocks_of(f"{FOLDER}/{kind}.md", f"robot: {kind}")
    (robot,) = config_of(block.text, tmp_path).robot
    assert (block.language, robot.kind) == ("toml", kind)


def test_the_plain_logs_page_names_every_field_that_is_read() -> None:
    """By the reader's docstring."""
    (log,) = blocks_of(f"{FOLDER}/plain_log.md", "log: plain_log")
    keys = {key for line in log.text.splitlines() for key in json.loads(line)}
    named = re.findall(r"\w+", (inspect.getdoc(plain_log) or "").partition("Header:")[2].replace("(the type)", ""))
    fields = {name for name in named if name not in {"or", "optional", "Step", "s", "step", "header"}}
    page = read_page(f"{FOLDER}/plain_log.md")
    assert keys <= fields
    assert {name for name in fields if f"`{name}`" not in page and name not in page} == set()


@pytest.mark.parametrize("kind", ANNOTATED)
def test_a_readers_example_loads(kind: str, tmp_path: Path) -> None:
    docstring = inspect.getdoc(inspect.getmodule(recordings.kind_of(kind).list)) or ""
    example = re.search(r"^    \[\[source\]\]\n(?:    .+\n)+", docstring, re.MULTILINE)
    assert example is not None
    assert kind_of(textwrap.dedent(example[0]), tmp_path) == kind


def test_the_captions_page_has_a_config_that_loads(tmp_path: Path) -> None:
    (block,) = blocks_of("docs/captions.md", "file: captions")
    captions = config_of(block.text, tmp_path).captions
    assert (captions.backend, captions.model) == ("openai", "my-vlm")


def test_the_table_tells_the_licences() -> None:
    rows = re.findall(r"^\| \[`(\w+)`\].*\| `([^`|]+)` \|$", read_page(PAGE), re.MULTILINE)
    modules = {kind: inspect.getmodule(recordings.kind_of(kind).list) for kind in KINDS}
    stated = {kind: module.LICENCE for kind, module in modules.items() if hasattr(module, "LICENCE")}
    assert set(ANNOTATED) <= set(stated)
    assert dict(rows) == stated
