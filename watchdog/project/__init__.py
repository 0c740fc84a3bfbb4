"""Reads the files in which an application declares its dependencies, and edits them."""
