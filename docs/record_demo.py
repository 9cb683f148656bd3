"""Puts what `make demo` printed into README.md, shortened: `make demo 2>&1 | python docs/record_demo.py`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

BEGIN, END = "<!-- demo-output:begin -->", "<!-- demo-output:end -->"
REPOSITORY = Path(__file__).resolve().parents[1]
NOISE = re.compile(r"^(INFO|WARNING|DEBUG)[: ]|^make(\[\d+\])?:|^\S*python\S* -m |Warning: |^\s*warnings\.warn")
# What the README leaves out: empty lines, the rendering and its page, how long it took on this machine, each trigger's
# words, the commands to try next.
LEFT_OUT = re.compile(r"^\s*$|^rendering |^\d+ recordings rendered |^One turn |^  (?:trigger|world)   ")
NEXT = "Try next:"
LONGEST = 100  # characters of a line; a longer one is cut


def recorded(readme: str, output: str) -> str:
    """The readme with the output between the marks, shortened, without log lines and this machine's paths."""
    for path, shown in ((REPOSITORY, ""), (Path.home(), "~/"), (REPOSITORY.parent, "../")):
        output = output.replace(f"{path}/", shown)
    told = output.partition(f"\n{NEXT}\n")[0].splitlines()
    lines = [shortened(line.rstrip()) for line in told if not NOISE.search(line) and not LEFT_OUT.search(line)]
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    text = "\n".join(lines).strip("\n")
    return f"{before}{BEGIN}\n```\n{text}\n```\n{END}{after}"


def shortened(line: str) -> str:
    """The line, cut between words where it is too long."""
    return line if len(line) <= LONGEST else line[: line.rindex(" ", 0, LONGEST - 4)] + " ..."


if __name__ == "__main__":
    page = REPOSITORY / "README.md"
    page.write_text(recorded(page.read_text(), sys.stdin.read()))
