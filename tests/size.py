"""`make size`: how large the rooms are."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

FOLDERS = ("schemas", "filters", "captioning", "infra", "packages", "pipelines", "orchestration", "tests")


def main() -> None:
    """Prints a line a folder."""
    print(f"{'folder':<14} {'files':>5} {'lines':>6} {'median':>6} {'largest':>7}  longest function")
    for folder in FOLDERS:
        files = [p for p in sorted(Path(folder).rglob("*.py")) if p.read_text().strip()]
        lines = {p: len(p.read_text().splitlines()) for p in files}
        if not files:
            continue
        longest = max((f for p in files for f in functions(p)), default=(0, "-"))
        largest = max(lines.values())
        middle = int(statistics.median(lines.values()))
        total = sum(lines.values())
        print(f"{folder:<14} {len(files):>5} {total:>6} {middle:>6} {largest:>7}  {longest[0]} {longest[1]}")


def functions(path: Path) -> list[tuple[int, str]]:
    """Length and place of every function."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, kinds)]
    return [((n.end_lineno or n.lineno) - n.lineno + 1, f"{path}:{n.name}") for n in nodes]


if __name__ == "__main__":
    main()
