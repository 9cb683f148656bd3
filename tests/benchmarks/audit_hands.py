"""The hand detector on many takes over all variations of the sample world: recall and precision with intervals.

`python -m tests.benchmarks.audit_hands FOLDER --takes 200 [--json [FOLDER]]`: renders the takes (kept in the cache),
ingests, looks and keeps, prints the audit and writes FOLDER/hands.html. Rendering is most of it: about 8 s of a core a
take.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from simworld import build

from orchestration import config
from orchestration import turn as turns
from orchestration.cli import audit
from orchestration.cli import main as cli
from orchestration.cli.options import output, progress_bars, say
from orchestration.reports import audit_page, sim_page
from tests.benchmarks.record import Row, add_json_option, record

SEED = 2026  # not the demo's, nor one that anything was tuned on


def main() -> None:
    """Renders, runs the hops, audits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--takes", type=int, default=200)
    add_json_option(parser)
    asked = parser.parse_args()
    out: Path = asked.folder.resolve()
    options = build.WorldOptions(seed=SEED, clips=asked.takes, robot=0, quality="survey")
    with output(as_json=False), progress_bars() as progress:
        made = build.build(out / "world", options, lambda done, total: progress("sim", done, total))
        sim_page.write(out / "world", out / "world" / "index.html")
    say(f"{len(made.ego)} takes, {made.rendered} rendered now")
    (out / "handwheel.toml").write_text('root = "corpus"\n[[source]]\nkind = "sim"\nuri = "world"\nstage = "ego"\n')
    settings = config.load(out / "handwheel.toml", [], None)
    cli.run_hops([turns.hop_named(name) for name in ("ingest", "detect", "filter")], settings, as_json=False)
    found = audit.run("hands", settings, out / "world" / "truth")
    print(audit.as_text(found))
    audit_page.write(turns.context_of(settings).run.store, found, out / "hands.html")
    say(f"{out / 'hands.html'} is written; open it in a browser")
    totals: list[Row] = [{"metric": name} | estimate.plain() for name, estimate in found.metrics.items()]
    rows: list[Row] = [
        {"axis": axis, "value": value, "metric": name} | estimate.plain()
        for axis, values in found.by.items()
        for value, estimates in values.items()
        for name, estimate in estimates.items()
    ]
    record("hands-sim", {"takes": asked.takes, "metrics": totals, "by_axis": rows}, asked.json)


if __name__ == "__main__":
    cli.quiet()
    main()
