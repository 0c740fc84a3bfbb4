"""The past of a subject: replayed, bisected, cured."""
