"""What the client raises when a release is not what it says it is."""

from __future__ import annotations


class VerificationError(Exception):
    """Stored bytes, or a saved state, are not what the pin or the release says.

    The message says what differs and the next command.
    """
