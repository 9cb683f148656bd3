"""Every page: links lead somewhere, targets and commands exist, no machine is named, each is as long as it may be."""

from __future__ import annotations

import hashlib
import re
import tomllib
from typing import Any

import pytest
import typer

from orchestration.cli import main
from tests.support.pages import FENCE, PAGES, REPOSITORY, read_page

# The canonical text at apache.org/licenses/LICENSE-2.0.txt.
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
# Paths of one machine, addresses of registries and of machines, how somebody came to work on it, notes to oneself.
FORBIDDEN = (
    r"(?<![\w.>~])/(?:work|root|home|tmp|Users|opt|mnt|srv)\b",
    r"(?i)\b(?:index[-_]url|trusted-host|artifactory|devpi)\b|/simple/",
    r"(?i)\bhttps?://(?!127\.0\.0\.1\b)(?:[\d.]+\b|[\w-]+(?::\d+)?(?:/|$)|[\w.-]+\.(?:local|internal|corp|lan)\b)",
    r"(?i)\b(?:worktree|issue \d+|the lead|helper sessions?)\b",
    r"\b(?:TODO|FIXME|XXX)\b",
)
LINES = {"README.md": 150, "ARCHITECTURE.md": 180}
# One screen for a user; lists that are written from the code are as long as the code wants them.
USER_PAGE_LINES, GENERATED = 90, {"docs/files.md", "docs/options.md"}
USER_PAGES = [p for p in PAGES if re.fullmatch(r"docs/(?:sources/)?\w+\.md", p) and p not in GENERATED]


@pytest.mark.parametrize("name", PAGES)
def test_links_within_a_page_lead_to_headings(name: str) -> None:
    prose = FENCE.sub("", read_page(name))
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)\s]+)\)", prose)) - anchors == set()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.slow
def test_links_lead_to_files(name: str) -> None:
    prose = FENCE.sub("", read_page(name))
    links = re.findall(r"\]\(([^)\s]+)\)", prose)
    local = [link.partition("#")[0] for link in links if "://" not in link and not link.startswith("#")]
    assert [link for link in local if not ((REPOSITORY / name).parent / link).exists()] == []


# CONTRIBUTING.md names files that one would write.
@pytest.mark.parametrize("name", [p for p in PAGES if p != "CONTRIBUTING.md"])
def test_files_that_are_named_with_their_folder_exist(name: str) -> None:
    """`infra/gate.py` in a page is a file of the repository, also where it is not a link."""
    rooms = "schemas|filters|captioning|infra|pipelines|orchestration|packages|tests|docs"
    named = set(re.findall(rf"`((?:{rooms})/[\w./-]+\.(?:py|md|txt|toml))`", read_page(name)))
    assert [path for path in sorted(named) if not (REPOSITORY / path).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_make_target_that_is_named_exists(name: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", read_page("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`|&& )make ([a-z-]+)", read_page(name), re.MULTILINE))
    assert named - targets == set()


@pytest.mark.parametrize("name", [*PAGES, "LICENSE"])
def test_no_page_names_a_machine_or_a_registry(name: str) -> None:
    assert [m.group() for pattern in FORBIDDEN for m in re.finditer(pattern, read_page(name))] == []


@pytest.mark.parametrize(
    "text",
    [
        "in /work/main", "/tmp/x", "--index-url", "http://10.1.2.3/x", "https://mirror/simple/", "https://pypi.corp/x",
        "see issue 7", "TODO",
    ],
)  # fmt: skip
def test_what_pages_may_not_name_is_found(text: str) -> None:
    assert any(re.search(pattern, text) for pattern in FORBIDDEN)


@pytest.mark.parametrize("name", [*LINES, *USER_PAGES])
def test_no_page_is_longer_than_it_may_be(name: str) -> None:
    assert len(read_page(name).splitlines()) <= LINES.get(name, USER_PAGE_LINES)


@pytest.mark.parametrize("name", [p for p in PAGES if p not in GENERATED])
def test_lines_of_prose_are_at_most_120_characters(name: str) -> None:
    """Tables and links to long names are as long as they are."""
    lines = FENCE.sub("", read_page(name)).splitlines()
    assert [line for line in lines if len(line) > 120 and " " in line.strip() and not line.startswith("|")] == []


def test_the_licence_is_apache_2_unchanged() -> None:
    assert hashlib.sha256((REPOSITORY / "LICENSE").read_bytes()).hexdigest() == APACHE_2
    projects = [
        "pyproject.toml",
        *(str(p.relative_to(REPOSITORY)) for p in REPOSITORY.glob("packages/*/pyproject.toml")),
    ]
    assert len(projects) == 3
    for file in projects:
        assert tomllib.loads(read_page(file))["project"]["license"] == "Apache-2.0"


def test_every_command_that_is_named_exists() -> None:
    group: Any = typer.main.get_command(main.app)
    known = set(group.commands) | {f"release {name}" for name in group.commands["release"].commands}
    for name in PAGES:
        for words in re.findall(r"(?:^|`)handwheel ((?:release )?[a-z]+)\b", read_page(name), re.MULTILINE):
            assert words in known, f"{name} names `handwheel {words}`"
