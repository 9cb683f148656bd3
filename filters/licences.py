"""What a licence lets a release be used for. Not legal advice: it reads words, and what it cannot read it says so."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

RESEARCH, COMMERCIAL = PURPOSES = ("research", "commercial")
RESERVED, UNKNOWN = "licence_reserved", "licence_unknown"
NO_DERIVATIVES, NONCOMMERCIAL = "licence_no_derivatives", "licence_noncommercial"
REASONS = (RESERVED, UNKNOWN, NO_DERIVATIVES, NONCOMMERCIAL)

# Licences that allow any use, as words between separators; versions and whatever else stands beside do not matter.
FREE = ("cc0", "cczero", "pddl", "publicdomain", "unlicense", "wtfpl", "0bsd", "expat", "apache", "bsd", "isc", "zlib",
        "odc by", "odbl", "cdla permissive", "cdla sharing")  # fmt: skip
# The word is a university too: alone, called a licence, or one of a list.
MIT = re.compile(r"(?:^|\b(?:or|and|the|of) |\d )mit(?: licen[cs]e| repo| or| and| see|$)")
# Agreements of datasets whose texts allow research alone.
RESEARCH_ONLY = ("research only", "research use", "research purposes", "academic use", "academic only",
                 "academic research", "non commercial research")  # fmt: skip
DENIED = ("all rights reserved", "proprietary", "confidential", "no licence", "no license", "not", "without",
          "except", "prohibited", "forbidden")  # fmt: skip
# Longer words first: "noncommercial" holds "commercial".
SAME = (
    (r"creative ?commons", "cc"), (r"public ?domain|\bcc ?pd\w*|\bpdm\b", "publicdomain"),
    (r"\b(?:cc ?zero|cc 0|publicdomain zero)\b", "cc0"), (r"\bnon ?commercial\b", "nc"),
    (r"\bno ?deriv(?:ative)?s?(?: works?)?\b", "nd"), (r"\bshare ?alike\b", "sa"), (r"\battribution\b", "by"),
    (r"\bapache ?2\b", "apache"), (r"\bbsd ?\d\b", "bsd"),
)  # fmt: skip
GLUED = re.compile(r"cc(by)?(nc)?(nd|sa)?|(by)(nc)?(nd|sa)?")


@dataclass(frozen=True, slots=True)
class Terms:
    """What was read. `known`: some licence was recognised; `stated`: anything was said at all."""

    stated: bool = True
    known: bool = False
    reserved: bool = False
    noncommercial: bool = False
    no_derivatives: bool = False


def terms_of(licence: str | None) -> Terms:
    """Reads an SPDX id, a licence's name or URL, or a dataset's own words. Of several the strictest terms hold."""
    text = " ".join(re.sub(r"[^a-z0-9]+", " ", re.sub(r"https?://|www\.", " ", (licence or "").lower())).split())
    if text in ("", "unknown", "null", "none", "n a", "noassertion", "not stated"):
        return Terms(stated=False)
    only_research = _mentions(text, RESEARCH_ONLY)
    for pattern, word in SAME:
        text = re.sub(pattern, f" {word} ", text)
    text = " ".join(text.split())
    words = _split_glued(text.split())
    creative = "by" in words and ({"cc", "by"} <= words or bool(words & {"nc", "nd", "sa"}))
    known = creative or only_research or _mentions(text, FREE) or bool(MIT.search(text))
    return Terms(
        known=known,
        reserved=_mentions(text, DENIED),
        noncommercial="nc" in words or only_research,
        no_derivatives="nd" in words,
    )


def _mentions(text: str, phrases: Sequence[str]) -> bool:
    return any(re.search(rf"\b{phrase}(?:\d[\d ]*)?\b", text) for phrase in phrases)


def _split_glued(words: Sequence[str]) -> set[str]:
    """The words, and the parts of those like `ccbync`."""
    parts = {part for word in words if (m := GLUED.fullmatch(word)) for part in m.groups() if part}
    return {*words, *parts, *({"cc"} if any(w.startswith("cc") and GLUED.fullmatch(w) for w in words) else ())}


def refusal(licence: str | None, purpose: str, agreements: Sequence[str] = ()) -> str | None:
    """Why what has this licence may not enter a release of this purpose (one of REASONS); None: it may.

    agreements: licences' exact words (case apart) under which the user has an agreement of their own for this purpose.
    Cutting, blurring and captioning make derivatives. What is unknown may be used for research, where nothing says
    otherwise: a user's own logs state no licence. ValueError: a purpose that is none.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"purpose is {purpose!r}, not one of {', '.join(PURPOSES)}")
    if licence is not None and licence.strip().lower() in {words.strip().lower() for words in agreements}:
        return None
    terms = terms_of(licence)
    if terms.reserved:
        return RESERVED
    if terms.no_derivatives:
        return NO_DERIVATIVES
    if purpose == RESEARCH:
        return None
    return NONCOMMERCIAL if terms.noncommercial else None if terms.known else UNKNOWN
