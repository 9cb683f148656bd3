"""A package in staging: its names outlive commits, since one sweeps what killed runs of an earlier one left there."""

from __future__ import annotations

import json
from dataclasses import fields

from pipelines.media.decoder import DecodeFacts
from pipelines.staging.package import StagedPackage, WorkPackage, reject
from schemas import Asset, Clip
from schemas.arrow import empty, rows_of

FACTS = DecodeFacts(
    container="mp4", codec="h264", width_px=4, height_px=2, fps_hz=None, duration_ns=9, decoded_ns=8,
    gaps=[{"start_ns": 1, "end_ns": 2, "reason": "damaged"}], quarter_turns=1, decode_variant="ab", redacted=[],
    redaction=None,
)  # fmt: skip
ASSET = Asset(
    asset_id="a", uri="u", revision="1", modified_ns=0, sha256="b" * 64, size_bytes=1, stage="web", licence=None,
    consent=None, wearer_id=None, robot_id=None, site_id=None, intrinsics_json=None, narrations=[], recipe="r",
    run_id="run", **FACTS.as_fields(),
)  # fmt: skip


def test_every_fact_is_a_field_of_an_asset() -> None:
    assert {f.name for f in fields(DecodeFacts)} <= {f.name for f in fields(Asset)}


def test_names_in_staging_are_those_of_every_commit() -> None:
    package = WorkPackage(assets=[ASSET], clips=[empty(Clip)], proxies=["{}"], unreached=["u: gone"])
    plain = json.loads(package.dumps())
    assert plain.keys() == {"rows", "tables", "proxies", "unreached", "log"}
    assert plain["rows"]["assets"][0]["tiling"] == "ab"
    assert "decode_variant" not in plain["rows"]["assets"][0]
    assert plain["tables"].keys() == {"clips", "steps"}


def test_what_is_staged_is_read_as_it_was() -> None:
    refused = reject("s", "u", "ingest", "r", ("too_large", "9 bytes"), "run")
    package = WorkPackage(assets=[ASSET], rejects=[refused], proxies=["{}"], unreached=["u: gone"])
    staged = StagedPackage.loads(package.dumps())
    assert [rows_of(Asset, table) for table in staged.rows["assets"]] == [[ASSET]]
    assert [table.to_pylist() for table in staged.rows["rejects"]] == [[{"detail": "9 bytes"} | _plain(refused)]]
    assert (staged.proxies, staged.unreached) == (["{}"], ["u: gone"])


def _plain(row: object) -> dict[str, object]:
    return {f.name: getattr(row, f.name) for f in fields(row)}  # type: ignore[arg-type]  # a dataclass, whatever it is
