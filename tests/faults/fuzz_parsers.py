"""Hostile archives, pickles, HDF5, lists, sidecars, feeds, sitemaps, pages, answers: valid ones, broken by a seed.

python -m tests.faults.fuzz_parsers --inputs 2000 --seed 7: every input ends as what was read or as a refusal, within
`LONGEST_S`, and nothing else is raised; prints how many ended how, and exits 1 otherwise.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import functools
import io
import json
import pickle
import pickletools
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infra.readers import hdf5, html
from infra.sandbox.sandbox import Limits
from infra.web import Client, FetchLimits, Memory, robots
from pipelines.media.local_copy import bring
from pipelines.sources.recordings import Crawl, Source, kind_of, list_items, pickled_frames, resolve_sidecars
from schemas.errors import BadMedia, TransientError, UsageError
from schemas.keys import key_of
from tests.faults.fuzz import HURTS, Bytes, Found, Rng
from tests.support.annotated import EGODEX_SAID, egodex_hdf5
from tests.support.archives import hd_epic_narrations, jpegs
from tests.support.web_server import Recorder, moved, whole

LONGEST_S = 30.0
TOKENS = (
    b"../", b"/etc/passwd", b"\0", b"\xff\xff\xff\xff", b"9" * 20, b"-1", b"1e999", b"NaN", b"{", b"[", b"]", b"}",
    b'"', b",", b"\n", b"\\ud800", b"\xed\xa0\x80", b"null", b"=", b"*", b"$", b"%", b"\r\n", b":", b"http://",
)  # fmt: skip
Ends = Iterator[str]


def insert(data: Bytes, rng: Rng) -> Bytes:
    """What means something to a parser, once or often."""
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, len(data) + 1))
        data[at:at] = TOKENS[int(rng.integers(len(TOKENS)))] * int(rng.choice([1, 1, 1, 2, 50]))
    return data


def broken(seeds: list[bytes], rng: Rng) -> bytes:
    """One of the seeds, hurt up to three times; one in ten has another one behind it."""
    data = bytearray(seeds[int(rng.integers(len(seeds)))])
    if rng.random() < 0.1:
        data += seeds[int(rng.integers(len(seeds)))]
    hurts = (*HURTS, insert)
    for _ in range(int(rng.integers(0, 4))):
        data = hurts[int(rng.integers(len(hurts)))](data, rng) if len(data) > 1 else data
    if rng.random() < 0.5:  # a tar's checksums mended: what its headers say is believed
        for at in range(0, len(data) - 511, 512):
            if data[at + 257 : at + 262] == b"ustar":
                data[at + 148 : at + 156] = b" " * 8
                data[at + 148 : at + 156] = f"{sum(data[at : at + 512]):06o}\0 ".encode()
    return bytes(data)


def valid_tars() -> list[bytes]:
    """Three forms, with a sidecar, a long name and a link."""
    made = []
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as tar:
            for name in ("000000.image_214-1.jpg", "a.mp4", "a.json", "d" * 90 + "/x.mp4", "link.mp4"):
                member, data = tarfile.TarInfo(name), name.encode() * 9
                data = {"json": b'{"caption": "x"}', "jpg": jpegs(1, 1)[0]}.get(name.rpartition(".")[2], data)
                member.size = len(data)
                if name == "link.mp4":
                    member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
                tar.addfile(member, io.BytesIO(data))
        made.append(out.getvalue())
    return made


def valid_zips() -> list[bytes]:
    """Stored and deflated."""
    made = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as z:
            for name in ("a.mp4", "a.json", "b/c.mp4", "b/c.txt"):
                z.writestr(name, json.dumps({"caption": name}) if name.endswith("json") else name * 40)
        made.append(out.getvalue())
    return made


def archive(path: Path) -> Ends:
    """Listed as two kinds, and every member taken."""
    for kind in ("hot3d", "webdataset"):
        for item in kind_of(kind).list(Source(kind, str(path))):
            try:
                if item.bad is None:
                    bring(item.uri, path.with_name("out"))
                yield item.bad[0] if item.bad else "item"
            except BadMedia as e:
                yield e.reason


ROWS = [
    {"url": f"https://h.example/{i}.mp4?token=x", "caption": f'Opens, the "jar" {i}', "start": f"{i}.5", "end": "0:09"}
    for i in range(6)
]


def valid_parquets() -> list[bytes]:
    """Of two codecs, and columns of odd types."""
    made = []
    times = pa.array(range(6), pa.timestamp("ns"))
    for table in (pa.Table.from_pylist(ROWS), pa.table({"url": ["x"] * 6, "start": times, "caption": [["a"]] * 6})):
        for codec in ("snappy", "zstd"):
            out = io.BytesIO()
            pq.write_table(table, out, compression=codec)
            made.append(out.getvalue())
    return made


def items(kind: str, path: Path) -> Ends:
    """What a source yields, which a table must be able to hold."""
    source = Source(kind, str(path if path.suffix != ".json" else path.parent))
    for item in resolve_sidecars(list(list_items([source]))):
        key_of(item.uri, item.revision, item.licence, item.wearer, item.site, *[n.text for n in item.narrations])
        yield item.bad[0] if item.bad else "item"


def pickled(path: Path) -> Ends:
    """In this process, where a memo that would take all memory is left to the sandbox's own tests."""
    try:
        numbers = [n for _, n, _ in pickletools.genops(path.read_bytes()) if isinstance(n, int)]
    except Exception:  # noqa: BLE001 - what pickletools cannot list is tried like the rest
        numbers = []
    if max(numbers, default=0) < 1 << 24:
        pickled_frames.read(path, ["video_id", "narration", "start_timestamp"])
        yield "read"


def hdf5_head(path: Path) -> Ends:
    """In the sandbox, with little time."""
    limits = Limits(memory_bytes=2 << 30, cpu_s=5, wall_s=20.0)
    for head in hdf5.read_heads([path], ["llm_description"], ["camera/intrinsic"], limits):
        yield head.reason if isinstance(head, BadMedia) else "read"


def rules(path: Path) -> Ends:
    """Parsed, and asked whether a URL may be fetched."""
    allowed = robots.parse_rules(path.read_bytes(), "handwheel").allow("https://h.example/a/b.mp4?x=1")
    yield "allowed" if allowed else "not"


def answered(path: Path) -> Ends:
    """As an answer to a download, and to a question, before valid ones."""
    limits = FetchLimits(backoff_s=0.001, host_requests_per_s=1e6, attempts=3, retry_after_s=0.0, size_bytes=1 << 20)
    doors: list[Callable[[Client], object]] = [
        lambda client: client.download("http://a.example/v", path.with_name("out")),
        lambda client: client.look_up("http://a.example/v"),
    ]
    for door in doors:
        recorder = Recorder({}, [b"HTTP/1.1 404 No\r\n\r\n", path.read_bytes(), whole(b"x" * 900), whole(b"y")])
        net = dataclasses.replace(recorder.net, resolver=lambda *_: ["93.184.216.34"])
        yield type(door(Client(limits, net, Memory()))).__name__


def crawled(kind: str, path: Path) -> Ends:
    """What a feed or sitemap offers that is served, its pages behind it as far as they go."""
    limits = FetchLimits(backoff_s=0.001, host_requests_per_s=1e6, attempts=1)
    recorder = Recorder({}, [b"HTTP/1.1 404 No\r\n\r\n", whole(path.read_bytes()), whole(PAGE), whole(PAGE)])
    net = dataclasses.replace(recorder.net, resolver=lambda *_: ["93.184.216.34"])
    crawl = Crawl(Client(limits, net, Memory()))
    for item in list_items([Source(kind, "http://a.example/x")], crawl):
        key_of(item.uri, item.revision, item.licence, item.licence_evidence, *[n.text for n in item.narrations])
        yield item.bad[0] if item.bad else "item"
    yield from ("later" for _ in crawl.unreached)


def page(path: Path) -> Ends:
    """In this process, where an error is seen."""
    read = html.page_of(path.read_bytes().decode(errors="replace"))
    yield f"{min(len(read.videos), 3)} videos, {min(len(read.licences), 2)} licences"


FEEDS = [
    b'<?xml version="1.0"?><rss xmlns:media="http://search.yahoo.com/mrss/"><channel><copyright>Me</copyright><item>'
    b'<guid>1</guid><title>A &amp; b</title><enclosure url="/a.mp4?x=1" type="video/mp4" length="9"/><media:group>'
    b'<media:content url="b.mp4" height="9"/><media:license href="http://l/"/></media:group></item></channel></rss>',
    b'<!DOCTYPE feed [<!ELEMENT feed ANY>]><feed xmlns="http://www.w3.org/2005/Atom"><link rel="next" href="/2"/>'
    b'<entry><id>x</id><link rel="enclosure" href="c.mp4"/><link rel="license" href="/l"/>'
    b"<summary>s</summary></entry></feed>",
]
SITEMAPS = [
    b'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:v="http://www.google.com/schemas/'
    b'sitemap-video/1.1"><url><loc>/p</loc><v:video><v:title>T</v:title><v:content_loc>/a.mp4</v:content_loc></v:video>'
    b"<v:video/></url><url><loc>http://b.example/q</loc></url><url><loc>/x.webm</loc></url></urlset>",
    b"<sitemapindex><sitemap><loc>/1.xml</loc></sitemap><sitemap><loc>/2.xml.gz</loc></sitemap></sitemapindex>",
]
PAGE = (
    b'<!doctype html><title>T</title><link rel="license" href="/l"><script type="application/ld+json">{"@graph": [{'
    b'"@type": "VideoObject", "contentUrl": "a.mp4", "license": {"url": "/m"}}]}</script><meta property="og:video" '
    b'content="b.mp4"><video src="c.mp4"><source src="d.mp4"></video><meta name="dc.rights" content="&copy; Me">'
)
ANSWERS = [
    whole(b"x" * 900), moved("/again"), moved("https://b.example/x"), b"HTTP/1.1 503 No\r\nRetry-After: 1\r\n\r\n",
    b'HTTP/1.1 200 OK\r\nETag: "one"\r\nContent-Length: 900\r\n\r\n' + b"x" * 300,
    b'HTTP/1.1 206 P\r\nETag: "a"\r\nContent-Range: bytes 0-9/10\r\nContent-Length: 10\r\n\r\n0123456789',
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nLast-Modified: Sun, 01 Nov 2026 00:00:00 GMT\r\n"
    b"Date: Mon, 02 Nov 2026 00:00:00 GMT\r\n\r\n5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nT: x\r\n\r\n",
]  # fmt: skip
SIDECAR = {
    "caption": "x", "licence": "CC0", "wearer": "anna", "site": 7, "stage": "ego", "intrinsics": {"fx": 1.0},
    "narrations": [{"text": "Cuts.", "start_s": 0.1, "end_s": 0.5}],
}  # fmt: skip
ROBOTS = b"User-agent: *\nDisallow: /a/*.mp4$\nAllow: /a%2Fb\nCrawl-delay: 2\nUser-agent: other\nDisallow: /\n"


def parsers(folder: Path) -> dict[str, tuple[str, list[bytes], Callable[[Path], Ends]]]:
    """By name: a file's name, valid ones, and what reads them."""
    csv = "url,caption,start,end\n" + "".join(f'{r["url"]},"Opens, it",{r["start"]},{r["end"]}\n' for r in ROWS)
    frames = [pickle.dumps(hd_epic_narrations(), protocol=p) for p in (2, 5)]
    take = egodex_hdf5(folder / "seed.h5", EGODEX_SAID, confidences=False).read_bytes()
    (folder / "side").mkdir()
    (folder / "side" / "a.mp4").write_bytes(b"x")
    urls = functools.partial(items, "url_list")
    return {
        "tar": ("a.tar", valid_tars(), archive),
        "zip": ("a.zip", valid_zips(), archive),
        "pickle": ("a.pkl", frames, pickled),
        "hdf5": ("a.hdf5", [take], hdf5_head),
        "csv": ("a.csv", [csv.encode()], urls),
        "jsonl": ("a.jsonl", ["\n".join(map(json.dumps, ROWS)).encode()], urls),
        "parquet": ("a.parquet", valid_parquets(), urls),
        "sidecar": ("side/a.json", [json.dumps(SIDECAR).encode()], functools.partial(items, "folder")),
        "robots.txt": ("robots.txt", [ROBOTS], rules),
        "answer": ("answer", ANSWERS, answered),
        "feed": ("feed", FEEDS, functools.partial(crawled, "feed")),
        "sitemap": ("sitemap", SITEMAPS, functools.partial(crawled, "sitemap")),
        "page": ("page", [PAGE], page),
    }


def ends_of(path: Path, read: Callable[[Path], Ends]) -> Ends:
    """How one input ended."""
    try:
        yield from read(path)
    except BadMedia as e:
        yield e.reason
    except (TransientError, UsageError, MemoryError) as e:
        yield type(e).__name__


def fuzz(folder: Path, inputs: int, seed: int, only: str = "") -> Found:
    """Breaks and reads so many inputs of each kind."""
    ends: collections.Counter[str] = collections.Counter()
    wrong = []
    for name, (file, seeds, read) in parsers(folder).items():
        rng = np.random.default_rng(seed)
        for number in range(inputs if only in ("", name) else 0):
            path = folder / file
            path.write_bytes(broken(seeds, rng))
            begun_s = time.monotonic()
            try:
                ends.update(f"{name}: {end}" for end in ends_of(path, read))
            except Exception as e:  # noqa: BLE001 - that there is any is what is looked for
                wrong.append(f"{name} {number}: {type(e).__name__} {e}"[:300])
            if time.monotonic() - begun_s > LONGEST_S:
                wrong.append(f"{name} {number}: {time.monotonic() - begun_s:.0f} s")
    return Found(ends, wrong)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=2000, help="of each kind")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", default="", help="one kind")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = fuzz(Path(scratch), args.inputs, args.seed, args.only)
    for end, count in sorted(found.ends.items()):
        print(f"{count:7} {end}")
    print("\n".join(found.wrong[:20]) or f"{args.inputs} inputs of each kind, seed {args.seed}: all read or refused")
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
