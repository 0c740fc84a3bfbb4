"""Reads matrix.yaml and expands it into cells and shards."""
