"""Inputs that can show a mistake: made to measure, and looked over."""
