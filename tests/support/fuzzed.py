"""How many damaged inputs a test takes: few in CI, `make fuzz-logs` 500."""

from __future__ import annotations

import os

INPUTS = int(os.environ.get("HANDWHEEL_FUZZ_INPUTS", "25"))
