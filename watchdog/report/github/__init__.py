"""Keeps a repository's issues on GitHub equal to what the site says."""
