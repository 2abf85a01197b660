"""Failures made small and kept in a file, to be run again or written out as a test."""
