"""Answers which versions an installer would choose at an instant."""
