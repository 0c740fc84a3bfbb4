"""Answers `check`: do these packages work together, why not, and what to change."""
