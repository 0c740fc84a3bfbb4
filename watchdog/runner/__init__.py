"""Owns what a run needs and executes each trial once."""
