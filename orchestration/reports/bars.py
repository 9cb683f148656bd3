"""Bars of seconds in named parts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bar:
    """Seconds in named parts. scale_s is what the bar's full width stands for."""

    name: str
    parts: tuple[tuple[str, float], ...]
    scale_s: float
    note: str = ""

    @property
    def total_s(self) -> float:
        """All parts together."""
        return sum(value for _, value in self.parts)

    def percent(self, value_s: float) -> float:
        """Share of the full width, 0..100."""
        return 100 * value_s / self.scale_s if self.scale_s else 0.0


def count_of(n: int, noun: str) -> str:
    """`1 attempt`, `2 attempts`."""
    return f"{n:,} {noun}" + ("" if n == 1 else "s")
