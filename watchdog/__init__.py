"""Flask compatibility watchdog: what breaks with what, since when, and what to type instead."""
