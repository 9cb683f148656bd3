"""Writes docs/files.md: every file in a line, from the first sentence of its docstring. `make docs` runs it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PAGE = "docs/files.md"
ROOMS = ("orchestration", "pipelines", "filters", "captioning", "infra", "schemas", "packages", "docs")
# What git ignores, and what says nothing of itself.
MADE = {"__pycache__", "build", "dist"}
SILENT = {"py.typed", "pyproject.toml"}
# Each has an index of its own.
INDEXED = ("docs/decisions/0", "docs/benchmarks/2", "docs/sources/", PAGE)
# Files with no sentence about themselves: prompts are hashed as they are, arrays have no place for one.
SAID_HERE = {
    "captioning/prompts/human.txt": "The prompt for human video.",
    "captioning/prompts/robot.txt": "The prompt for a robot's attempts.",
    "orchestration/reports/templates/audit.html.j2": "An audit's page.",
    "orchestration/reports/templates/report.css": "The report's looks.",
    "orchestration/reports/templates/report.html.j2": "The report's page.",
    "orchestration/reports/templates/report.js": "The report's switches.",
    "orchestration/reports/templates/sim.html.j2": "The sample world's page.",
    "pipelines/media/pixels/h264_cut.mp4": "A clip for the pixel digest: H.264, with a cut.",
    "pipelines/media/pixels/hevc_10bit.mkv": "A clip for the pixel digest: HEVC of 10 bit, upright.",
    "pipelines/media/pixels/mjpeg_422.avi": "A clip for the pixel digest: motion JPEG.",
    "packages/handwheel-sim/simworld/body/assets/hands.npz": "Eight pairs of arms (MakeHuman, CC0).",
}
HEAD = """# Files

Every file in a line: the first sentence of its docstring, a page's title. `make docs` writes this page, and a test says
when it is stale. Tests mirror the tree and are not listed; decisions, benchmarks and source kinds have indexes of their
own. Where to begin is in [ARCHITECTURE.md](../ARCHITECTURE.md).
"""


def files(repository: Path) -> Iterator[str]:
    """Paths of the files that the page lists, in its order; modules without content are left out."""
    for room in ROOMS:
        for path in sorted((repository / room).rglob("*"), key=lambda p: (p.parent, p.name)):
            parts = path.relative_to(repository).parts
            hidden = any(p.startswith(".") or p in MADE or p.endswith(".egg-info") for p in parts)
            name = "/".join(parts)
            if path.is_dir() or hidden or path.name in SILENT or name.startswith(INDEXED):
                continue
            if path.suffix != ".py" or path.read_text().strip():
                yield name


def sentence(repository: Path, name: str) -> str:
    """What a file says of itself. ValueError: it says nothing."""
    if name in SAID_HERE:
        return SAID_HERE[name]
    text = (repository / name).read_text() if name.endswith((".py", ".md")) else ""
    if name.endswith(".md"):
        return next((line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ")), "")
    lines: list[str] = []
    for line in (ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0].splitlines():
        lines.append(line)
        if line.endswith((".", ":")):
            break
    if not lines:
        raise ValueError(f"{name} says nothing of itself: give it a docstring, or a line in {Path(__file__).name}")
    return " ".join(lines)


def written(repository: Path) -> str:
    """The page."""
    text = HEAD
    for folder, names in groupby(files(repository), key=lambda name: name.rpartition("/")[0]):
        text += f"\n## {folder}/\n\n"
        text += "".join(f"- `{name.rpartition('/')[2]}`: {sentence(repository, name)}\n" for name in names)
    return text


if __name__ == "__main__":
    (REPOSITORY / PAGE).write_text(written(REPOSITORY))
