"""Badges that cannot lie: green only for a complete run in which everything was right."""
