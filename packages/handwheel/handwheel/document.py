"""What a release says of itself, as verify and view need it: release.json, files.json, the pin and the root."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from handwheel import format as fmt
from handwheel.storage import StorageFolder


@dataclass(frozen=True, slots=True)
class ReleaseDocument:
    """One release as it was read. A plain value: it pickles, and holds no connection."""

    root: StorageFolder
    pin: fmt.Pin
    doc: Mapping[str, Any]  # release.json
    files: tuple[fmt.FileEntry, ...] = field(repr=False)

    @property
    def folder(self) -> StorageFolder:
        """releases/<name>"""
        return self.root / fmt.release_folder(self.pin.release)

    @property
    def name(self) -> str:
        return self.pin.release

    @property
    def id(self) -> str:
        return self.pin.id

    @property
    def views(self) -> tuple[str, ...]:
        """Names of its views, sorted."""
        return tuple(sorted(self.doc["views"]))
