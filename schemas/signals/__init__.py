"""What one decode measures of a clip: a file a signal, with its measure, its column and the gates that judge it."""

VERSION = "signals-4"  # raise it when the same frames give another value, and when a signal comes or goes
