"""Turns stored values into plain values that templates show. Pure."""
