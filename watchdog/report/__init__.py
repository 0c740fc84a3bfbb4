"""Turns stored results into everything the outside sees; runs nothing."""
