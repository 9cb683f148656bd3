"""What pages list is what the code has: files, hops, layers, options, decisions, benchmarks."""

from __future__ import annotations

import configparser
import re
import runpy
from pathlib import Path

import pytest

from orchestration import turn
from tests.support.pages import REPOSITORY, read_page, section_of

FILES = runpy.run_path(str(REPOSITORY / "docs" / "write_files.py"))
HOPS = runpy.run_path(str(REPOSITORY / "docs" / "write_hops.py"))
OPTIONS = runpy.run_path(str(REPOSITORY / "docs" / "write_options.py"))


@pytest.mark.slow
def test_the_list_of_files_is_current() -> None:
    assert read_page(FILES["PAGE"]) == FILES["written"](REPOSITORY), "run `make docs`"


def test_the_list_of_files_has_every_file_and_no_other() -> None:
    """By another walk of the tree, so that the page's own is not its own judge."""
    folder, listed = "", set()
    for line in read_page("docs/files.md").splitlines():
        if heading := re.fullmatch(r"## (\S+)/", line):
            folder = heading[1]
        elif entry := re.match(r"- `([^`]+)`: \S", line):
            listed.add(f"{folder}/{entry[1]}")
    rooms = ("schemas", "filters", "captioning", "infra", "pipelines", "orchestration", "packages", "docs")
    paths = [p for room in rooms for p in (REPOSITORY / room).rglob("*.*") if "__pycache__" not in p.parts]
    kinds = {".py", ".md", ".txt", ".j2", ".css", ".js", ".npz", ".mp4", ".mkv", ".avi"}
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
