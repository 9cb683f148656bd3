"""What pages say of the code is so: defaults, options, reasons, captions, axes, identities, what is not built."""

from __future__ import annotations

import re
import runpy
import tomllib
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from simworld.tasks.plan import AXES
from typer.testing import CliRunner

from captioning.checks import CHECKS
from captioning.levels import ACHIEVED_LIMIT, LIMITS
from filters.policies.clip_gates import REASONS
from filters.policies.decide import VERDICT_OF
from infra.archives.tar import ArchiveLimits
from infra.sandbox import sandbox
from infra.web.limits import FetchLimits
from infra.web.transport import MAX_HEADER_BYTES
from orchestration.cli import main
from orchestration.config import Config
from orchestration.trigger.options import TriggerOptions
from schemas import TABLES, keys
from schemas.arrow import schema_of
from schemas.errors import HandwheelError
from tests.support.pages import PAGES, REPOSITORY, read_page, section_of

OPTIONS = runpy.run_path(str(REPOSITORY / "docs" / "write_options.py"))


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


# Benchmarks name options as they were, CONTRIBUTING.md those that one would write.
@pytest.mark.parametrize("name", [p for p in PAGES if not p.startswith("docs/benchmarks/") and p != "CONTRIBUTING.md"])
@pytest.mark.slow
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


def test_every_reason_of_a_verdict_is_told() -> None:
    text = read_page("docs/hands.md") + read_page("docs/privacy.md")
    of_spans = {code.name.lower() for code, verdict in VERDICT_OF.items() if verdict != "accept"}
    assert len(of_spans) > 5
    assert [reason for reason in sorted({*REASONS, *of_spans}) if f"`{reason}`" not in text] == []


def test_security_tells_the_limits_that_hold() -> None:
    text = " ".join(read_page("SECURITY.md").split())
    for limit in (
        f"memory ({sandbox.Limits().memory_bytes >> 30} GiB)",
        f"at most {FetchLimits().redirects} redirects",
        f"bounded in size ({FetchLimits().size_bytes >> 30} GiB)",
        f"headers ({MAX_HEADER_BYTES >> 10} KiB)",
        f"unpacking ({ArchiveLimits().unpacked_ratio} times, over {ArchiveLimits().unpacked_free_bytes >> 20} MiB)",
    ):
        assert limit in text


def test_the_captions_page_has_lengths_and_checks() -> None:
    text, checks = read_page("docs/captions.md"), section_of("docs/captions.md", "## What a text must pass")
    limits = {kind: int(words) for kind, words in re.findall(r"^\| `(\w+)` \| .* \| (\d+) \|$", text, re.MULTILINE)}
    assert limits == {**LIMITS, "achieved": ACHIEVED_LIMIT}
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| [^|]+ \|$", checks, re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"\w+", row)] == [name for name, _ in CHECKS]
    recipe = " ".join(section_of("CONTRIBUTING.md", "## Add a captioner").split())
    assert f"at most {', '.join(map(str, LIMITS.values()))} words" in recipe
    assert f"`achieved` too, of at most {ACHIEVED_LIMIT} words" in recipe


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
