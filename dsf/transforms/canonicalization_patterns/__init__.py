"""Canonicalisation patterns, one file for each dialect; the operations name theirs."""
