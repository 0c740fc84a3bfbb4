"""Finds the versions that an installer would choose at an instant."""
