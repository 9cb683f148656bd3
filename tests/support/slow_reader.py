"""A child that never ends."""

from __future__ import annotations


def main(argv: list[str]) -> None:
    """Computes for ever."""
    while argv:
        pass
