"""Licences by their ids, names, URLs and datasets' own words; what cannot be read is unknown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.licences import (
    COMMERCIAL,
    NO_DERIVATIVES,
    NONCOMMERCIAL,
    PURPOSES,
    REASONS,
    RESEARCH,
    RESERVED,
    UNKNOWN,
    refusal,
    terms_of,
)

FREE = (
    "CC0-1.0", "CC0", "cc zero", "CC-BY-4.0", "CC BY 3.0", "cc-by-2.5", "CCBY", "CC-BY-SA-4.0",
    "Creative Commons Attribution 4.0", "Creative Commons Attribution-ShareAlike 4.0 International",
    "https://creativecommons.org/licenses/by/4.0/", "http://www.creativecommons.org/publicdomain/zero/1.0/",
    "https://creativecommons.org/licenses/by-sa/3.0/deed.de", "MIT", "The MIT License", "MIT repo", "Apache-2.0",
    "Apache License, Version 2.0", "apache2", "BSD-3-Clause", "BSD 2-Clause", "bsd", "ISC", "Public Domain", "PDDL-1.0",
    "ODC-By-1.0", "ODbL", "CDLA-Permissive-2.0", "CC-BY-4.0 or Apache-2.0, see MANIFEST.tsv",
    "MIT repo; BridgeData V2 is CC-BY-4.0", "Apache-2.0 repo (SAM 2 demo gallery)",
)  # fmt: skip
NC = (
    "CC-BY-NC-4.0", "cc by nc 4.0", "CC-BY-NC-SA-4.0", "ccbync", "Creative Commons Attribution-NonCommercial 4.0",
    "https://creativecommons.org/licenses/by-nc/4.0/", "Attribution-NonCommercial-ShareAlike", "MIT and CC-BY-NC-4.0",
    "for non-commercial research purposes", "Research only",
)  # fmt: skip
ND = (
    "CC-BY-ND-4.0", "CC-BY-NC-ND-4.0", "cc-by-nc-nd", "Creative Commons Attribution-NoDerivatives 4.0",
    "Creative Commons Attribution NonCommercial NoDerivs", "https://creativecommons.org/licenses/by-nc-nd/4.0/",
)  # fmt: skip
UNREADABLE = (
    "Ego4D licence", "mixed, see MANIFEST.tsv", "see LICENSE", "GPL-3.0", "cc", "permitted", "Summit Video Terms",
    "standby", "MIT CSAIL footage", "by Anna",
)  # fmt: skip
NOTHING = (None, "", "  ", "unknown", "Unknown", "NOASSERTION", "none")
DENIED = ("All rights reserved", "(c) 2020 Foo, all rights reserved", "Proprietary", "not CC-BY", "No license")


@pytest.mark.parametrize("licence", FREE)
def test_what_allows_any_use(licence: str) -> None:
    assert [refusal(licence, p) for p in PURPOSES] == [None, None]
    assert terms_of(licence).known


@pytest.mark.parametrize("licence", NC)
def test_noncommercial_is_for_research(licence: str) -> None:
    assert [refusal(licence, p) for p in PURPOSES] == [None, NONCOMMERCIAL]


@pytest.mark.parametrize("licence", ND)
def test_clips_and_captions_are_derivatives(licence: str) -> None:
    assert [refusal(licence, p) for p in PURPOSES] == [NO_DERIVATIVES] * 2


@pytest.mark.parametrize("licence", [*UNREADABLE, *NOTHING])
def test_what_cannot_be_told_is_unknown(licence: str | None) -> None:
    assert [refusal(licence, p) for p in PURPOSES] == [None, UNKNOWN]
    assert terms_of(licence).stated == (licence in UNREADABLE)


@pytest.mark.parametrize("licence", DENIED)
def test_what_is_reserved_is_refused_for_any_purpose(licence: str) -> None:
    assert [refusal(licence, p) for p in PURPOSES] == [RESERVED] * 2


def test_an_agreement_of_ones_own_outranks_what_is_read() -> None:
    assert refusal("Ego4D licence", COMMERCIAL, ["ego4d LICENCE "]) is None
    assert refusal("CC-BY-NC-ND-4.0", RESEARCH, ["CC-BY-NC-ND-4.0"]) is None
    assert refusal(None, COMMERCIAL, ["Ego4D licence"]) == UNKNOWN


def test_a_purpose_that_is_none_is_an_error() -> None:
    with pytest.raises(ValueError, match="purpose"):
        refusal("MIT", "comercial")


NOISE = st.sampled_from(["", " ", "-", "_", "\n", "/", ". ", "(", "\u00a0"])


@given(st.sampled_from([*FREE, *NC, *ND]), NOISE, NOISE, st.sampled_from([str.upper, str.lower, str.title, str]))
def test_case_and_what_stands_beside_change_nothing(licence: str, before: str, after: str, case: type) -> None:
    assert [refusal(case(before + licence + after), p) for p in PURPOSES] == [refusal(licence, p) for p in PURPOSES]


@given(st.sampled_from(FREE), st.sampled_from([*NC, *ND]))
def test_of_two_the_stricter_holds(free: str, strict: str) -> None:
    assert (
        refusal(f"{free}; {strict}", COMMERCIAL)
        == refusal(f"{strict} / {free}", COMMERCIAL)
        == refusal(strict, COMMERCIAL)
    )


@given(st.text(max_size=60))
def test_any_text_ends_in_a_verdict_and_research_allows_no_less(text: str) -> None:
    research, commercial = refusal(text, RESEARCH), refusal(text, COMMERCIAL)
    assert {research, commercial} <= {None, *REASONS}
    assert research is None or research == commercial


WORDS = ("video", "limits", "summit", "submit", "city", "byte", "accent", "mitten", "sandy", "the", "miscellany", "2nd")


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=6))
def test_words_that_only_hold_a_licences_letters_are_none(words: list[str]) -> None:
    assert refusal(" ".join(words), COMMERCIAL) == UNKNOWN
