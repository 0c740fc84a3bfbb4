"""Derives from stored results what is true now: the one source of every published statement. Pure."""
