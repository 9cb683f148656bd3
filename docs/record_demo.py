"""Puts what `make demo` printed into README.md: `make demo 2>&1 | python docs/record_demo.py`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

BEGIN, END = "<!-- demo-output:begin -->", "<!-- demo-output:end -->"
REPOSITORY = Path(__file__).resolve().parents[1]
NOISE = re.compile(r"^(INFO|WARNING|DEBUG)[: ]|^make(\[\d+\])?:|^\S*python\S* -m |Warning: |^\s*warnings\.warn")


def recorded(readme: str, output: str) -> str:
    """The readme with the output between the marks; the libraries' log lines and this machine's paths left out."""
    for path, shown in ((REPOSITORY, ""), (Path.home(), "~/"), (REPOSITORY.parent, "../")):
        output = output.replace(f"{path}/", shown)
    lines = [line.rstrip() for line in output.splitlines() if not NOISE.search(line)]
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    text = "\n".join(lines).strip("\n")
    return f"{before}{BEGIN}\n```\n{text}\n```\n{END}{after}"


if __name__ == "__main__":
    page = REPOSITORY / "README.md"
    page.write_text(recorded(page.read_text(), sys.stdin.read()))
