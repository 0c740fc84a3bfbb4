"""Reads and writes everything that is kept on disk, whole or not at all."""
