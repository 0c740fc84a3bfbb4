"""Answers to one question each, by running trials and comparing them."""
