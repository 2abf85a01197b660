"""Analytic against numeric gradients, and what rounding excuses."""
