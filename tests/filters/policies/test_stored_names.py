"""What a corpus and a config hold of signals and gates, letter by letter: as the first commits wrote it (bcc87f2).

Signals and gates that came later may stand among them; the old ones keep their names and their order.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from filters.policies.clip_gates import DOUBTFUL_BITS, REASONS
from filters.policies.decide import GATED, meaning
from filters.policies.policy import Policy
from orchestration.config import commented, load
from schemas import SIGNALS, Clip
from schemas.arrow import schema_of
from schemas.errors import UsageError
from schemas.keys import as_stored, digest_of

CLIPS = (
    "clip_row_id clip_id sha256 start_ns end_ns camera tiling cutter frame_count damaged_frames "
    "sharpness brightness motion camera_motion freeze_share border_share text_share "
    "fingerprints redaction redaction_state faces recipe run_id"
)
DOCS = {
    "sharpness": "median variance of the Laplacian of 8-bit luma at proxy size",
    "brightness": "median of mean luma, 0..255",
    "motion": "median mean absolute luma difference between samples, 0..255",
    "camera_motion": "median global shift, share of the long side a second",
    "freeze_share": "share of sample pairs without change, 0..1",
    "border_share": "share of the picture that is a black border, 0..1",
    "text_share": "share of the picture under text drawn on it, 0..1; null: drawn text could not be "
    "told from the scene's",
}
LICENCES = ("licence_reserved", "licence_unknown", "licence_no_derivatives", "licence_noncommercial")
GATES = ("too_short", "frozen", "too_dark", "blurred", "camera_motion", "burned_in_text", "damaged")
POLICY = """\
# min_clip_s = 1.0  # shorter: too_short. Ours: no model takes less
# max_freeze_share = 0.9  # more: frozen. Ours: a still has .95 to 1, others to .25
# min_brightness = 12.0  # darker: too_dark. Ours: black 0, the darkest take 26
# min_sharpness = 4.0  # softer: blurred. Ours: a dithered 270-line preview is 6
# max_camera_motion = 0.4  # long sides a second, more: camera_motion. EgoSmith ships .20 a half second
# max_text_share = 0.003  # text drawn on the picture, more: quarantine as burned_in_text. docs/ingest.md: 1 of 180 \
rendered takes has it
# max_damaged_share = 0.0  # damaged frames, more: quarantine as damaged. Ours: none
# bridge_s = 0.75  # a gap without hands up to this does not end a run
# pad_s = 1.0  # added on both sides of a run
# min_span_s = 1.0  # shorter spans of hands are rejected
# longest_span_s = 20.0  # longer kept spans are cut in equal parts. Ours
# min_hand_samples = 2  # fewer: brief_hands; a lone one is as often false. Ours
# min_contact = 0.45  # strongest contact of a run. docs/hands.md: work .67 and more, gestures .26 and less
# min_weak_contact = 0.3  # from here to min_contact: weak_contact; a whole arm in view stays below (.25)
# purpose = 'research'  # research or commercial: what its releases are for. docs/privacy.md has what each allows
# min_bimanual_share = 0.1  # samples with two hands. schemas.Decision: a tenth
"""
STORED = {
    "detector": "x",
    "clip_least_s": 1.0,
    "freeze_share_most": 0.9,
    "brightness_least": 12.0,
    "sharpness_least": 4.0,
    "camera_motion_most": 0.4,
    "text_share_most": 0.003,
    "damaged_share_most": 0.0,
    "bridge_s": 0.75,
    "pad_s": 1.0,
    "span_least_s": 1.0,
    "longest_span_s": 20.0,
    "hand_samples_least": 2,
    "contact_accept_least": 0.45,
    "contact_doubt_least": 0.3,
    "purpose": "research",
    "licences_held": [],
    "bimanual_share_least": 0.1,
}
OLD_REASONS = LICENCES + GATES
CODES = {
    0: ("accept", []),
    1: ("quarantine", ["weak_contact"]),
    2: ("quarantine", ["contact_unmeasured"]),
    3: ("reject", ["no_contact"]),
    4: ("reject", ["brief_hands"]),
    5: ("reject", ["no_hands"]),
    8: ("unknown", ["no_calibration"]),
    9: ("unknown", ["not_sampled"]),
}


def code_of(*reasons: str) -> int:
    """The code of a clip that breaks the gates of these reasons."""
    return GATED + sum(1 << REASONS.index(reason) for reason in reasons)


def test_columns_of_clips_their_order_and_what_they_say() -> None:
    schema = schema_of(Clip)
    assert [name for name in schema.names if name in CLIPS.split()] == CLIPS.split()
    fields = {signal.name: schema.field(signal.name) for signal in SIGNALS}
    assert {name: (fields[name].metadata or {})[b"doc"].decode() for name in DOCS} == DOCS
    assert {(str(f.type), f.nullable) for f in fields.values()} == {("double", True)}


def test_reasons_and_their_order() -> None:
    assert tuple(reason for reason in REASONS if reason in OLD_REASONS) == OLD_REASONS
    doubtful = [r for r in OLD_REASONS if DOUBTFUL_BITS >> REASONS.index(r) & 1]
    assert sum(1 << OLD_REASONS.index(r) for r in doubtful) == 1536
    assert {code: meaning(code) for code in CODES} == CODES
    assert meaning(code_of("burned_in_text", "damaged")) == ("quarantine", ["burned_in_text", "damaged"])
    frozen = code_of("burned_in_text", "damaged", "frozen")
    assert meaning(frozen) == ("reject", ["frozen", "burned_in_text", "damaged"])


def test_what_init_writes_of_the_policy() -> None:
    written = commented().partition("[policy]\n")[2].partition("\n[")[0].splitlines()
    keys = {line.partition(" = ")[0] for line in POLICY.splitlines()}
    assert [line for line in written if line.partition(" = ")[0] in keys] == POLICY.splitlines()


def test_the_policys_digest_is_over_the_names_it_had() -> None:
    stored = as_stored(Policy(detector="x"))
    old = {name: value for name, value in stored.items() if name in STORED}
    assert old == STORED
    assert list(old) == list(STORED)
    assert digest_of(old) == "09a3f11042132a4aab4867b9a789372dc8c42ba1ea42e637271a19c8f5ab83ab"


def test_keys_by_the_names_they_had_still_set_the_policy(tmp_path: Path) -> None:
    path = tmp_path / "handwheel.toml"
    path.write_text("[policy]\n" + "\n".join(f"{k} = {json.dumps(v)}" for k, v in STORED.items()))
    assert load(path, [], None).policy == Policy(detector="x")
    other = load(path, ["policy.contact_accept_least=0.5", "ingest.cutting.cut.least=15.0"], None)
    assert other.policy == Policy(detector="x", min_contact=0.5)
    assert other.ingest.cutting.cut.min_difference == 15.0
    path.write_text("[policy]\nmin_contact = 0.4\ncontact_accept_least = 0.4\n")
    with pytest.raises(UsageError, match=r"policy\.contact_accept_least is the earlier name of policy\.min_contact"):
        load(path, [], None)
