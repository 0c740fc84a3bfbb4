"""Immutable values and pure functions on them."""
