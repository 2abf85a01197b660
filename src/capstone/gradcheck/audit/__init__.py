"""How strong is a check: bugs are planted, and must be found."""
