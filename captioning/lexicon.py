"""The captioner's lexicon: verbs, words without content, words never written; a light lemma.

No tagger and no download: a word of VERBS in a verb's place is a verb, a word of PLAIN or FUNCTION is neither
noun nor verb, everything else counts as a noun.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

TOKEN = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")


def word_set(text: str) -> frozenset[str]:
    """The words of a text that spaces part."""
    return frozenset(text.split())


VERBS = word_set(
    """
    complete say shuffle add stare gaze fry signal scroll clutch cradle support brace secure tidy massage
    plaster vacuum scale steam unfasten adjust align apply approach arrange assemble attach attempt
    avoid bake bang beat begin bend bite blend blot blow boil bounce break bring brush build bump button
    carry carve catch change check chop clamp clap clean clear click climb clip close collect comb
    combine connect continue cook cover crack crouch crumple crush cut dance deposit detach dig dip
    discard distribute drag drain draw drill drink drive drizzle drop dry dump eat empty end engage
    enter erase examine exit extend fail fasten feed fetch fill find finish fix flatten flip float fold
    follow gather gesture get give glide glue grab grasp grate greet grind grip hammer hand handle hang
    heat hit hold hop hover hug inject insert inspect interact iron jog jump keep kick knead knit knock
    lay lean leave let lift light load lock log look loosen lower make manipulate mark mash measure melt
    miss mix mop mount move mow nail navigate nudge observe open operate organize pack paint pass paste
    pat peel perform pet pick pierce pile pin pinch place plant play plug point polish position pour
    practise practice prepare press prod pry pull pump punch push put raise rake reach read record
    recover reel release remain remove repair replace rest retract retrieve return ride rinse roll
    rotate row rub run sand saw scan scatter scoop scrape scratch screw scrub seal season separate set
    sew shake shape shave shift show shred shut sieve sift sign sit skip slice slide smash smooth soak
    sort spin split spray spread sprinkle squat squeeze stabilize stack stand staple start stay steady
    steer step stick stir stop store straighten stretch strike succeed suspend swap sweep swing swipe
    switch take talk tap taste tear test thread throw tie tighten tilt touch trace transfer trim try
    tuck turn twist type unbox unclip uncover unfold unlock unpack unplug unroll unscrew untie unwrap
    unzip use view visit wait walk wash watch water wave wear weave weed weigh weld wet whisk wind wipe
    work wrap wring write zip
    """
)
# Verbs that a description may use whatever the original says: how hands are, not what kind of act it is.
PLAIN_VERBS = word_set(
    """
    attempt complete continue end fail finish follow grasp grip handle hold interact keep lift log
    manipulate miss move operate perform reach release remain rest run say show start stay steady stop
    succeed touch try use watch work
    """
)
PERSONS = word_set(
    """
    man woman person people lady guy boy girl men women persons someone somebody he she they we i you
    him her his hers their my your our himself herself wearer worker operator human child kid adult chef
    baby
    """
)
POSSESSIVES = word_set("his her hers their my your our its")
HEDGES = word_set(
    """
    probably perhaps maybe possibly likely presumably apparently seemingly seems seem appears appear
    might unsure unknown suggesting suggests intending intends hoping wants
    """
)
SEQUENCE = word_set("then next afterwards subsequently meanwhile thereafter")
ADDRESS = word_set("image photo photograph screenshot caption")  # a caption speaks of the act, not of a file
BANNED = HEDGES | SEQUENCE | ADDRESS | (PERSONS - {"person", "people"})
DETERMINERS = word_set("the both another each all this that these those some any no every")
PREPOSITIONS = word_set(
    """
    to from in into on onto at off out of with without by for over under up down away through across
    around along against between beside behind before after above below near inside outside toward
    towards upon within back about per via past onto
    """
)
FUNCTION = (
    DETERMINERS
    | PREPOSITIONS
    | word_set(
        """
    a an and or but nor so as than while when until it its is are was were be been being has have had do
    does did not n't there here which who that what where how together forth apart again very more most less
    least only also just too other others same own such one two three four five six seven eight nine ten
    once twice much many few several me us them themselves itself if because since though can could will
    would shall should must may c o x y b s t
    """
    )
)
# Adjectives and adverbs: neither nouns nor verbs.
PLAIN = word_set(
    """
    red green blue yellow orange pink purple black white grey gray brown golden silver dark bright pale
    transparent big small large little long short tall wide narrow thin thick heavy round square flat
    tiny huge tight loose dirty hot cold fresh raw new old closed full front rear upper lower middle
    central left right top bottom whole half single double wooden metal metallic plastic electric
    circular cylindrical rectangular adjacent soft hard forward forwards backward backwards upward
    upwards downward downwards leftward rightward sideways vertical horizontal throughout mostly still
    well first second third last left-hand right-hand diagonally vertically horizontally
    """
)
# Words of seeing and logging, true of every span.
GENERIC_NOUNS = word_set(
    """
    hand picture frame view video camera scene side centre center way part time second object item thing
    something edge place position direction movement motion contact end attempt success failure result
    outcome goal phase robot arm gripper finger palm rest work most length width height surface area
    half middle program
    """
)
IRREGULAR = {
    "took": "take", "taken": "take", "held": "hold", "cutting": "cut", "put": "put", "putting": "put",
    "kept": "keep", "made": "make", "gave": "give", "given": "give", "left": "left", "got": "get",
    "lying": "lay", "laid": "lay", "knives": "knife", "leaves": "leaf", "shelves": "shelf",
    "loaves": "loaf", "halves": "half", "men": "man", "women": "woman", "children": "child",
    "feet": "foot", "teeth": "tooth", "people": "person", "scissors": "scissors", "tied": "tie",
    "tying": "tie", "ran": "run", "sat": "sit", "stood": "stand", "threw": "throw", "thrown": "throw",
    "drew": "draw", "drawn": "draw", "hung": "hang", "swung": "swing", "wrote": "write",
    "written": "write", "broke": "break", "broken": "break", "tore": "tear", "torn": "tear",
    "wore": "wear", "slid": "slide", "swept": "sweep", "spun": "spin", "stuck": "stick",
    "struck": "strike", "brought": "bring", "caught": "catch", "bent": "bend", "moulding": "moulding",
    "ceiling": "ceiling", "thing": "thing", "something": "something", "building": "building",
    "clothing": "clothing", "pudding": "pudding", "ground": "ground", "bed": "bed", "glass": "glass",
    "gas": "gas", "bus": "bus", "molasses": "molasses", "series": "series", "pants": "pants",
    "glasses": "glass", "centre": "center",
}  # fmt: skip


def tokens(text: str) -> list[str]:
    """Words of the text in lower case; hyphenated words are one."""
    return [t.lower() for t in TOKEN.findall(text)]


def word_count(text: str) -> int:
    """Words as the limits count them: what stands between spaces and holds a letter or digit."""
    return sum(1 for w in text.split() if TOKEN.search(w))


def _verb_stems(word: str) -> Iterable[str]:
    for ending in ("ing", "ed"):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) >= 2:
            yield from (stem, stem + "e")
            if len(stem) > 2 and stem[-1] == stem[-2]:
                yield stem[:-1]
    for ending, repair in (("ies", "y"), ("ied", "y"), ("es", ""), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 1:
            yield word.removesuffix(ending) + repair


@lru_cache(1 << 16)
def lemma(word: str) -> str:
    """The word's base form: verbs of the lexicon exactly, plurals by rule, the rest unchanged. Idempotent."""
    word = word.lower().removesuffix("'s").removesuffix("’s")
    if word in IRREGULAR:
        return IRREGULAR[word]
    if word in VERBS:
        return word
    verb = next((s for s in _verb_stems(word) if s in VERBS), None)
    if verb is not None:
        return verb
    if len(word) <= 3 or word.endswith(("ss", "us", "is", "ous")) or not word.endswith("s"):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "shes", "ches", "xes", "zes", "oes")):
        return word[:-2]
    return lemma(word[:-1]) if word[:-1].endswith("s") else word[:-1]


_EMPTY = FUNCTION | PLAIN | PERSONS | BANNED


def is_content(word: str) -> bool:
    """Whether the token is a noun or a verb that a caption can owe or invent."""
    base = lemma(word)
    return not ({word, base} & _EMPTY) and not word.isdigit() and not (word.endswith("ly") and len(word) > 4)


def content(text: str) -> list[str]:
    """Lemmas of the text's nouns and verbs, in order, persons and banned words left out."""
    return [lemma(t) for t in tokens(text) if is_content(t)]
