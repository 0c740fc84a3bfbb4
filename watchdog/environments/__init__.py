"""Makes a lock importable: interpreters, a store of packages, environments of links."""
