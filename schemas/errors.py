"""What can go wrong, by what the caller should do. Bad data is a Reject row, never an exception."""

from __future__ import annotations


class HandwheelError(Exception):
    """Stops the run. The message says what happened, the limit it broke and the next command."""

    exit_code = 1


class UsageError(HandwheelError):
    """The command or the config is wrong."""

    exit_code = 2


class GateRefused(HandwheelError):
    """The publish gate found the release unfit; nothing was published."""

    exit_code = 3


class TooManyRejects(HandwheelError):
    """More of a run's input was refused than its budget allows; the run stopped, and a turn publishes nothing."""

    exit_code = 3


class VerificationFailed(HandwheelError):
    """Stored bytes are not what the release says they are."""

    exit_code = 4


class TransientError(HandwheelError):
    """A door gave up after its retries; the same command may succeed later."""

    exit_code = 5


class LeaseHeld(TransientError):
    """Another live run writes what this run wants to write."""


class BadMedia(Exception):
    """Hostile, broken or unsupported input. The hop turns it into a Reject row.

    reason: a stable code (snake case); detail: one line for people.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
