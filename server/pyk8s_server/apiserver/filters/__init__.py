"""Filters: what happens to every request before its verb runs."""
