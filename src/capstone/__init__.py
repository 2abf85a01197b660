"""Verify hand-written backward passes; a NumPy transformer to show it on."""
