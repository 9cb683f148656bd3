"""What pages list is what the code has: files, defaults, axes, decisions, benchmarks."""

from __future__ import annotations

import configparser
import re
import runpy
import tomllib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from simworld.tasks.plan import AXES
from typer.testing import CliRunner

from captioning.checks import CHECKS
from captioning.levels import ACHIEVED_LIMIT, LIMITS
from orchestration import turn
from orchestration.cli import main
from orchestration.config import Config
from orchestration.trigger.options import TriggerOptions
from schemas import TABLES, keys
from schemas.arrow import schema_of
from schemas.errors import HandwheelError
from tests.support.pages import PAGES, REPOSITORY, read_page, section_of

FILES = runpy.run_path(str(REPOSITORY / "docs" / "write_files.py"))
HOPS = runpy.run_path(str(REPOSITORY / "docs" / "write_hops.py"))
OPTIONS = runpy.run_path(str(REPOSITORY / "docs" / "write_options.py"))


def test_the_list_of_files_is_current() -> None:
    assert read_page(FILES["PAGE"]) == FILES["written"](REPOSITORY), "run `make docs`"


def test_the_list_of_files_has_every_file_and_no_other() -> None:
    """By git's own list, so that the page's walk of the tree is not its own judge."""
    folder, listed = "", set()
    for line in read_page("docs/files.md").splitlines():
        if heading := re.fullmatch(r"## (\S+)/", line):
            folder = heading[1]
        elif entry := re.match(r"- `([^`]+)`: \S", line):
            listed.add(f"{folder}/{entry[1]}")
    rooms = ("schemas", "filters", "captioning", "infra", "pipelines", "orchestration", "packages", "docs")
    paths = [p for room in rooms for p in (REPOSITORY / room).rglob("*.*") if "__pycache__" not in p.parts]
    kinds = {".py", ".md", ".txt", ".j2", ".css", ".js", ".npz"}
    there = {str(p.relative_to(REPOSITORY)) for p in paths if p.suffix in kinds and p.stat().st_size}
    assert listed == {p for p in there if not p.startswith(FILES["INDEXED"])}


def test_a_file_that_says_nothing_of_itself_is_refused(tmp_path: Path) -> None:
    for room in FILES["ROOMS"]:
        (tmp_path / room).mkdir()
    (tmp_path / "filters" / "mute.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match=r"filters/mute\.py says nothing of itself"):
        FILES["written"](tmp_path)


def indexed(folder: str) -> list[str]:
    """Pages that a folder's index links to, in its order."""
    return re.findall(r"\]\((\d[^)]+\.md)\)", read_page(f"{folder}/README.md"))


def test_decisions_are_numbered_dated_and_listed() -> None:
    pages = sorted(p.name for p in (REPOSITORY / "docs/decisions").glob("*.md") if p.name != "README.md")
    assert indexed("docs/decisions") == pages
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
    rows = re.findall(r"^\| (\d{4}) \| ([\d-]+) \| \[(.+)\]", read_page("docs/decisions/README.md"), re.MULTILINE)
    for name, (number, date, title) in zip(pages, rows, strict=True):
        text = read_page(f"docs/decisions/{name}")
        assert text.startswith(f"# {number}: {title}\n\nDate: {date}\n"), name
        assert re.findall(r"^- (Choice|Reason|Refused):", text, re.MULTILINE) == ["Choice", "Reason", "Refused"], name
    dates = [date for _, date, _ in rows]
    assert dates == sorted(dates)


def test_benchmarks_are_dated_and_listed() -> None:
    pages = sorted(p.name for p in (REPOSITORY / "docs/benchmarks").glob("*.md") if p.name != "README.md")
    rows = re.findall(r"^\| ([\d-]+) \| \[.+\]\(\1-.+\.md\) \|", read_page("docs/benchmarks/README.md"), re.MULTILINE)
    assert sorted(indexed("docs/benchmarks")) == pages
    assert len(rows) == len(pages)
    assert all(re.match(r"\d{4}-\d{2}-\d{2}-[a-z0-9-]+\.md", name) for name in pages)


def test_the_readmes_tree_is_the_repositorys() -> None:
    named = set(re.findall(r"^([a-z]+)/ ", section_of("README.md", "## The tree"), re.MULTILINE))
    there = {p.parent.name for p in REPOSITORY.glob("*/__init__.py")} | {"packages", "docs"}
    assert named == there - {"demo", "build"}


def test_the_readmes_defaults_are_the_configs() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| (`[^`]+`|none) \|", read_page("README.md"), re.MULTILINE)
    assert len(rows) > 10
    for key, shown in rows:
        value: Any = Config()
        for name in key.split("."):
            value = getattr(value, name)
        value = list(value) if isinstance(value, tuple) and shown != "none" else value
        expected = None if shown == "none" else tomllib.loads(f"v = {shown.strip('`')}")["v"]
        assert (value or None if shown == "none" else value) == expected, key
        assert not is_dataclass(value), f"{key} is a section"


def test_the_table_of_hops_is_current() -> None:
    page = read_page(HOPS["PAGE"])
    assert page == HOPS["written"](page), "run `make docs`"
    rows = re.findall(r"^\| (\w+) \| .+ \|$", page.partition(HOPS["BEGIN"])[2].partition(HOPS["END"])[0], re.MULTILINE)
    assert rows == ["hop", *(hop.name for hop in turn.HOPS)]


def test_architecture_has_the_layers_and_doors_that_import_linter_holds() -> None:
    rules = configparser.ConfigParser()
    rules.read(REPOSITORY / ".importlinter")
    text = section_of("ARCHITECTURE.md", "## Layers and doors")
    picture = text.partition("```\n")[2].partition("```")[0]
    layers = rules["importlinter:contract:layers"]["layers"]
    order = [name.rpartition(".")[2] for name in re.findall(r"[\w.]+", layers)]
    drawn = [name for name in re.findall(r"\w+", picture) if name in order]
    assert drawn == order
    held = [contract for contract in rules.values() if contract.get("type") == "forbidden"]
    exceptions = "\n".join(contract.get("ignore_imports", "") for contract in held)
    doors = {module.replace(".", "/") + ".py" for module in re.findall(r"^([\w.]+) -> ", exceptions, re.MULTILINE)}
    assert len(doors) > 10
    assert [door for door in sorted(doors) if f"`{door}`" not in text] == []


def test_every_hop_is_in_the_pictures_and_told_in_order() -> None:
    """README's and ARCHITECTURE's pictures, the comment of `handwheel turn`, and what happens to a row."""
    names = [hop.name for hop in turn.HOPS]
    for page in ("README.md", "ARCHITECTURE.md"):
        picture = read_page(page).partition("```\n")[2].partition("```")[0]
        assert [name for name in names if not re.search(rf"\b{name}\b", picture)] == [], page
    (comment,) = re.findall(r"^handwheel turn +# (\w+(?:, \w+)+)$", read_page("README.md"), re.MULTILINE)
    assert comment.split(", ") == names
    way = section_of("ARCHITECTURE.md", "### Where a row goes")
    assert re.findall(r"^\d\. \*\*(\w+)\*\*", way, re.MULTILINE) == names


def test_the_list_of_options_is_current() -> None:
    assert read_page(OPTIONS["PAGE"]) == OPTIONS["written"](), "run `make docs`"


# Benchmarks name options as they were, CONTRIBUTING.md those that one would write.
@pytest.mark.parametrize("name", [p for p in PAGES if not p.startswith("docs/benchmarks/") and p != "CONTRIBUTING.md"])
def test_options_that_a_page_names_exist(name: str) -> None:
    """`policy.purpose` is an option or a section; `captions.basis` may be a column of the table too."""
    options = {key for key, _, _ in OPTIONS["options"](Config())} | OPTIONS["SET_BY_CODE"]
    sections = {key[:i] for key in options for i, letter in enumerate(key) if letter == "."}
    columns = {f"{table}.{column}" for table, kind in TABLES.items() for column in schema_of(kind).names}
    named = set(re.findall(r"`((?:[a-z]+)(?:\.[a-z_]+)+)(?: = [^`]*)?`", read_page(name)))
    files = (".md", ".py", ".txt", ".toml", ".json", ".lock")
    ours = {key for key in named if key.partition(".")[0] in Config.model_fields and not key.endswith(files)}
    assert ours - options - sections - columns == set()


def test_the_triggers_page_names_limits_that_exist() -> None:
    rows = re.findall(r"^\| `\w+` \| .* \| (.*) \|$", read_page("docs/triggers.md"), re.MULTILINE)
    limits = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert len(limits) >= 6
    assert limits - {f.name for f in fields(TriggerOptions)} == set()


def test_an_option_is_told_with_its_comment_or_its_doc() -> None:
    meanings = {key: meaning for key, _, meaning in OPTIONS["options"](Config())}
    assert meanings["trigger.cool_down_h"] == "least time between two triggers of a lane"
    assert meanings["ingest.max_reject_share"].startswith("More refused than taken")
    assert meanings["policy.purpose"].startswith("research or commercial")


def test_the_configs_page_has_every_section() -> None:
    table = read_page("docs/config.md").partition("\n## ")[0]
    named = {
        n for row in re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE) for n in re.findall(r"`\[*([a-z_]+)", row)
    }
    assert named == set(Config.model_fields)


def test_the_configs_page_has_every_variable_of_ours() -> None:
    rooms = ("infra", "pipelines", "orchestration")
    code = "".join(p.read_text() for room in rooms for p in (REPOSITORY / room).rglob("*.py"))
    read = set(re.findall(r"\bHANDWHEEL_[A-Z]+(?:_[A-Z]+)*", code))
    rows = set(re.findall(r"^\| `(HANDWHEEL_[A-Z_]+)` \|", read_page("docs/config.md"), re.MULTILINE))
    assert rows == read


def test_the_captions_page_has_lengths_and_checks() -> None:
    text, checks = read_page("docs/captions.md"), section_of("docs/captions.md", "## What a text must pass")
    limits = {kind: int(words) for kind, words in re.findall(r"^\| `(\w+)` \| .* \| (\d+) \|$", text, re.MULTILINE)}
    assert limits == {**LIMITS, "achieved": ACHIEVED_LIMIT}
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| [^|]+ \|$", checks, re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"\w+", row)] == [name for name, _ in CHECKS]


def test_the_sample_worlds_page_has_its_axes() -> None:
    rows = re.findall(r"^\| ([a-z]+) \| ([a-z_, ]+) \|$", read_page("docs/sim.md"), re.MULTILINE)
    assert {axis: tuple(values.split(", ")) for axis, values in rows if axis != "axis"} == AXES


def test_commands_that_are_not_built_yet_say_so() -> None:
    text = section_of("README.md", "## Not built yet")
    assert all(re.search(rf"\b{name}\b", text) for name in main.LATER)
    refused = CliRunner().invoke(main.app, ["takedown", "--asset", "ab"])
    assert isinstance(refused.exception, HandwheelError)
    assert refused.exception.exit_code == 2


WORDS = (
    "asset_id", "revision", "recipe", "decode variant", "clip_id", "clip_row_id", "span_id", "policy digest", "basis",
    "selection", "release id", "pin", "generation", "fingerprint", "lane", "episode", "intervention", "verdict",
)  # fmt: skip


def test_the_glossary_has_the_identity_words_and_names_columns_that_exist() -> None:
    text = read_page("docs/glossary.md")
    words = re.findall(r"^- \*\*([^*]+)\*\*: ", text, re.MULTILINE)
    assert set(WORDS) <= set(words)
    assert len(words) == len(set(words))
    tables = {name: set(schema_of(kind).names) for name, kind in TABLES.items()}
    named = [m.groups() for m in re.finditer(r"`([a-z]+)\.([a-z_]+)`", text) if m[1] in tables]
    assert len(named) > 20
    assert [f"{table}.{column}" for table, column in named if column not in tables[table]] == []


def test_the_glossarys_formulas_are_the_keys() -> None:
    """Each formula of the page, computed by hand from its parts, is what the code makes of them."""
    text = " ".join(read_page("docs/glossary.md").split())
    for formula, made in (
        ("`key(uri, revision, recipe)`", keys.asset_key("uri", "revision", "recipe")),
        ("`key(sha256, start_ns, end_ns)`", keys.clip_id("sha256", "start_ns", "end_ns")),
        ("`key(clip_id, recipe, decode variant)`", keys.clip_row_key("clip_id", "recipe", "decode variant")),
        ("`key(span_id, clip_row_id, stage, licence, policy)`",
         keys.decision_key("span_id", "clip_row_id", "stage", "licence", "policy")),
        ("`key(span_id, kind, model, prompt, basis)`",
         keys.caption_key("span_id", "kind", "model", "prompt", "basis")),
    ):  # fmt: skip
        assert formula in text
        assert keys.key_of(*formula.removeprefix("`key(").removesuffix(")`").split(", ")) == made
