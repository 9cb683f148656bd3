"""Faults: every hop killed and run again, two at once, other orders and places."""
