"""Mistakes that leave every number right."""
