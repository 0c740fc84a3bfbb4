"""Makes a lock importable: interpreters, a package store, linked and reference environments."""
