"""What dedup's join costs against a large index, on made-up marks: no clip is compared.

`python tests/benchmarks/bench_postings.py CLIPS [--json [FOLDER]]`
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "packages/handwheel")]  # run as a script, from anywhere
from filters import fingerprints  # noqa: E402
from infra.storage.tables import Store  # noqa: E402
from pipelines.corpus.duplicates import version_of  # noqa: E402
from pipelines.dedup import hop, matcher  # noqa: E402
from pipelines.dedup import index as postings  # noqa: E402
from schemas.keys import key_of  # noqa: E402
from tests.benchmarks.record import Figures, Row, add_json_option, record  # noqa: E402

VERSION = version_of("bench")


def scale(count: int) -> Figures:
    """What a new batch costs against an index of `count` clips: 116 marks each (10 s), a tenth of them common ones."""
    rng = np.random.default_rng(7)
    with tempfile.TemporaryDirectory() as folder:
        store, begun, bounds = Store(folder), time.process_time(), dict[int, str]()
        for first in range(0, count, hop.BATCH_CLIPS):
            posted(store, synthetic(rng, first, min(hop.BATCH_CLIPS, count - first)), bounds)
        dataset = store.dataset("tables/postings.lance")
        size = sum(f.stat().st_size for f in Path(folder, "tables/postings.lance/data").iterdir())
        size += sum(segment.size_bytes for index in dataset.describe_indices() for segment in index.segments)
        index_s = (time.process_time() - begun) / count * 1000
        print(f"index: {count} clips in batches of {hop.BATCH_CLIPS}: {index_s:.2f} CPU s a 1,000, {size / 1e6:.0f} MB")
        rows = [join_batch(store, count, batch) for batch in (10, 100, 1000, hop.BATCH_CLIPS)]
    return {"clips": count, "index_cpu_s_per_1000_clips": index_s, "index_mb": size / 1e6, "batches": rows}


def join_batch(store: Store, count: int, batch: int) -> Row:
    """What `batch` new clips cost against the index of `count`; printed as a line."""
    new = synthetic(np.random.default_rng(batch), count, batch)
    begun, cpu = time.perf_counter(), time.process_time()
    known = store.lookup("postings", "key", new["key"].unique().to_pylist(), postings.COLUMNS)
    found = postings.join_entries(new, known)
    rest = store.lookup("postings", "key", postings.rest_keys(found.opened).tolist(), postings.COLUMNS)
    shared = postings.with_rest(found, rest) if len(found.opened) else found.shared
    took, cpu = time.perf_counter() - begun, time.process_time() - cpu
    begun = time.process_time()
    groups: dict[int, list[Any]] = {}
    for key, post in matcher.entries_by_key(shared.to_pydict()):
        groups.setdefault(key, []).append(post)
    cast = sum(1 for g in groups.items() for _ in matcher.votes_of(g))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    votes_s = time.process_time() - begun
    cost = f"join {took:.2f} s ({cpu:.2f} CPU s), votes {votes_s:.2f} CPU s"
    told = f"{shared.num_rows} postings shared, {cast} votes, {len(found.crowded)} keys common"
    print(f"{batch} new clips: {cost}; {told}; {peak:.0f} MB at most")
    counts = {"postings_shared": shared.num_rows, "votes": cast, "common_keys": len(found.crowded)}
    costs = {"join_wall_s": took, "join_cpu_s": cpu, "votes_cpu_s": votes_s, "peak_mib": peak}
    return {"new_clips": batch} | costs | counts


def posted(store: Store, new: pa.Table, bounds: dict[int, str]) -> None:
    """Puts postings in as the hop does; bounds: of common keys so far, as single batches tell them."""
    for key, rank in postings.join_entries(new, new.slice(0, 0)).crowded.items():
        bounds[key] = min(rank, bounds.get(key, rank))
    rows = postings.index_rows(new, bounds, new["clip_id"].unique().to_pylist(), VERSION)
    rows = rows.append_column("run_id", pa.repeat("bench", rows.num_rows))
    store.append("postings", store.write_fragments("postings", rows.to_batches()), run_id="bench")
    store.index("postings", "key")


def synthetic(rng: Any, first: int, count: int) -> pa.Table:
    """Keys of clips: at random, a tenth of them of 100,000 that many clips share (Zipf, exponent 1.1)."""
    keys = rng.integers(0, 2**32, (count, 116), np.uint64)
    often = rng.random(keys.shape) < 0.1
    keys[often] = (rng.zipf(1.1, int(often.sum())) % 100_000).astype(np.uint64)
    ids = [key_of("scale", first + i) for i in range(count)]
    made = {i: fingerprints.Marks(k, np.zeros(len(k), np.int64)) for i, k in zip(ids, keys, strict=True)}
    return postings.entries_of(made, {i: postings.rank_of(1, 1, i) for i in ids}, VERSION)


def main() -> None:
    """Prints a line a batch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("clips", type=int)
    add_json_option(parser)
    given = parser.parse_args()
    record("postings", scale(given.clips), given.json)


if __name__ == "__main__":
    main()
