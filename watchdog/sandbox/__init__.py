"""Runs untrusted programs, and the servers they need, in the strongest isolation there is."""
