"""Answers one question a module by running trials and comparing."""
