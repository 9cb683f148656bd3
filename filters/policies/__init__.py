"""Policies: what a verdict rests on, its limits and how they are applied to columns of clips and hand tracks."""
