"""How much of a run's input may be refused before the run stops: a wrong source or a captive network refuses most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.errors import TooManyRejects

SHOWN = 3


@dataclass(slots=True)
class Budget:
    """What one run has tried so far."""

    max_share: float
    min_rejects: int
    tried: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def spend(self, tried: int, reasons: Iterable[str]) -> None:
        """Counts a batch. TooManyRejects: with it, more than the share of all that was tried was refused."""
        self.tried += tried
        self.reasons.update(reasons)
        refused = self.reasons.total()
        if refused < self.min_rejects or refused <= self.max_share * self.tried:
            return
        most = ", ".join(f"{n} {reason}" for reason, n in self.reasons.most_common(SHOWN))
        raise TooManyRejects(
            f"{refused} of {self.tried} items of this run were refused ({most}); ingest.max_reject_share is "
            f"{self.max_share:g}. The last batch is not committed, what was committed before stays. Correct the "
            "source, or accept the refusals: `handwheel ingest --set ingest.max_reject_share=1`"
        )
