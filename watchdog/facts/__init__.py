"""Derives what is true now from stored results: one source for all that is published. Pure."""
