"""A corpus of schema 1 in a bucket is migrated as one in a folder is, and what a start costs does not grow with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import lance
import pytest

from infra.storage import objects, s3
from infra.storage.corpus_version import check, prepare
from infra.storage.tables import Store
from pipelines.hop import Run
from pipelines.migrate.engine import migrate
from schemas import TABLES
from schemas.errors import UsageError
from tests.support.old_corpora import unpack
from tests.support.s3_server import needs_weed, s3_server

pytestmark = needs_weed


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with s3_server(tmp_path_factory.mktemp("weed")) as uri:
        yield uri


def upload(root: Path, uri: str) -> Store:
    """Tables and releases of a corpus, object by object."""
    for path in root.rglob("*"):
        if path.is_file():
            objects.upload(path, objects.join(uri, str(path.relative_to(root))))
    return Store(uri)


@pytest.mark.slow
def test_a_bucket_is_migrated_as_a_folder_is(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = unpack("84c527d", tmp_path)
    here, there = Store(str(root)), upload(root, f"{bucket}/robots/corpus")
    for store in (here, there):
        with pytest.raises(UsageError, match="run `handwheel migrate`"):
            check(store)
    ours, theirs = (migrate(Run(store, "run"), ("media",)) for store in (here, there))
    assert ours == theirs
    for table in TABLES:
        a, b = (store.read(table) for store in (here, there))
        key = a.column_names[0]
        assert a.sort_by(key).equals(b.sort_by(key)), table
    tagged = lance.dataset(there.uri("decisions"), version="schema-1", storage_options=there.options())
    assert tagged.count_rows() == 8

    requests: list[str] = []
    real = s3.call_s3
    monkeypatch.setattr(s3, "call_s3", lambda call, uri: requests.append(uri) or real(call, uri))
    with monkeypatch.context() as closed:
        closed.setattr(Store, "open", lambda *_: pytest.fail("a table was opened"))
        check(there)
        prepare(there)
    assert requests == [f"{there.root}/corpus.json"] * 2
    objects.delete(f"{there.root}/corpus.json")
    requests.clear()
    check(there)  # a corpus without a stamp: a listing a table, beside what Lance reads to open it
    assert len(requests) == 1 + len(TABLES)
