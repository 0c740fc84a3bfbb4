"""Issues on GitHub: which should exist, and the client that makes them so."""
