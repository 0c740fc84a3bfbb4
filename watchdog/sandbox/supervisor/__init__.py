"""What confines cells; a program of its own, see `__main__`."""
