"""`handwheel sim`: the sample world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli.options import Json, output, progress_bars


def command(
    out: Annotated[Path, typer.Argument(help="the folder to render into; made if it is not there")],
    seed: Annotated[int, typer.Option(help="another seed gives another world")] = 7,
    clips: Annotated[int, typer.Option(help="number of first-person takes", min=0)] = 40,
    robot: Annotated[int, typer.Option(help="number of robot attempts", min=0)] = 60,
    quality: Annotated[str, typer.Option(help="of the pictures: draft, demo, survey or fine")] = "demo",
    generation: Annotated[int, typer.Option(help="of the robot's policy: a later one has smaller faults", min=0)] = 0,
    fixed: Annotated[list[str] | None, typer.Option("--fixed", help="axis=value of all takes, as skin=dark")] = None,
    workers: Annotated[int, typer.Option(help="number of processes; 0: one for each core", min=0)] = 0,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Render the sample world: first-person takes and robot attempts, with their truth and a page of pictures."""
    from simworld import build

    from orchestration.reports import sim_page

    axes = build.parse_fixed(fixed or [])
    options = build.WorldOptions(seed, clips, robot, quality, generation, axes)
    with output(as_json) as tell, progress_bars() as progress:
        made = build.build(out, options, lambda done, total: progress("sim", done, total), workers)
        page = sim_page.write(out, out / "index.html")
        plain = {"ego": len(made.ego), "robot": len(made.robot), "rendered": made.rendered, "page": str(page)}
        summary = f"{len(made.ego)} takes and {len(made.robot)} attempts in {out}, {made.rendered} of them rendered now"
        tell(plain if as_json else f'{summary}\npictures: {page}\nnext: [[source]] kind = "sim" uri = "{out}"')
