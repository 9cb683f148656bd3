"""A recording whose source is gone costs no further encode until it is back."""

from __future__ import annotations

import hashlib
from pathlib import Path

from infra.storage.tables import Store
from pipelines.corpus.release_document import ReleaseDocument
from pipelines.hop import Run
from pipelines.publish.hop import holds_selection


def test_what_was_gone_and_still_is_changes_nothing(tmp_path: Path) -> None:
    run = Run(Store(str(tmp_path / "root")), "run")
    source = tmp_path / "a.mp4"
    sha256 = hashlib.sha256(b"take").hexdigest()
    release = ReleaseDocument(name="r", id="i", selection="without a", wanted="with a", gone={sha256: str(source)})
    assert holds_selection(run, release, "without a")
    assert holds_selection(run, release, "with a")
    assert not holds_selection(run, release, "with a and b")
    source.write_bytes(b"another take")
    assert holds_selection(run, release, "with a")
    source.write_bytes(b"take")
    assert not holds_selection(run, release, "with a")
    before = ReleaseDocument(name="r", id="i", selection="x")  # made before releases told what was gone
    assert not holds_selection(run, before, "with a")
