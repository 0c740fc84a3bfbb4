"""The supervisor: a program of its own that confines cells, see `__main__`."""
