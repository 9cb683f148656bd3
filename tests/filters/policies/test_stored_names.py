"""What a corpus and a config hold of signals and gates, letter by letter: as the first commits wrote it (bcc87f2)."""

from __future__ import annotations

import dataclasses

from filters.policies.clip_gates import DOUBTFUL_BITS, REASONS
from filters.policies.decide import GATED, meaning
from filters.policies.policy import Policy
from orchestration.config import commented
from schemas import SIGNALS, Clip
from schemas.arrow import schema_of

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
# clip_least_s = 1.0  # shorter: too_short. Ours: no model takes less
# freeze_share_most = 0.9  # more: frozen. Ours: a still has .95 to 1, others to .25
# brightness_least = 12.0  # darker: too_dark. Ours: black 0, the darkest take 26
# sharpness_least = 4.0  # softer: blurred. Ours: a dithered 270-line preview is 6
# camera_motion_most = 0.4  # long sides a second, more: camera_motion. EgoSmith ships .20 a half second
# text_share_most = 0.003  # text drawn on the picture, more: quarantine as burned_in_text. docs/ingest.md: 1 of 180 \
rendered takes has it
# damaged_share_most = 0.0  # damaged frames, more: quarantine as damaged. Ours: none
# bridge_s = 0.75  # gap without hands that a run outlives. facts: .75
# pad_s = 1.0  # added on both sides of a run. facts: 1
# span_least_s = 1.0  # shorter spans of hands are rejected. facts: 1
# longest_span_s = 20.0  # longer kept spans are cut in equal parts. Ours
# hand_samples_least = 2  # fewer: brief_hands; a lone one is as often false. Ours
# contact_accept_least = 0.45  # strongest contact of a run. docs/hands.md: work .67 and more, gestures .26 and less
# contact_doubt_least = 0.3  # from here to accept: weak_contact; a whole arm in view stays below (.25)
# purpose = 'research'  # research or commercial: what its releases are for. docs/privacy.md has what each allows
# bimanual_share_least = 0.1  # samples with two hands. schemas.Decision: a tenth
"""
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


def test_columns_of_clips_their_order_and_what_they_say() -> None:
    schema = schema_of(Clip)
    assert schema.names == CLIPS.split()
    fields = {signal.name: schema.field(signal.name) for signal in SIGNALS}
    assert {name: (f.metadata or {})[b"doc"].decode() for name, f in fields.items()} == DOCS
    assert {(str(f.type), f.nullable) for f in fields.values()} == {("double", True)}


def test_reasons_and_their_order() -> None:
    assert REASONS == LICENCES + GATES
    assert DOUBTFUL_BITS == 1536
    assert {code: meaning(code) for code in CODES} == CODES
    assert meaning(GATED + DOUBTFUL_BITS) == ("quarantine", ["burned_in_text", "damaged"])
    assert meaning(GATED + DOUBTFUL_BITS + 32) == ("reject", ["frozen", "burned_in_text", "damaged"])


def test_the_policys_keys_and_what_init_writes() -> None:
    assert POLICY in commented()
    assert [f.name for f in dataclasses.fields(Policy)] == [
        "detector", *(line.split()[1] for line in POLICY.splitlines()[:-1]), "licences_held", "bimanual_share_least"
    ]  # fmt: skip
