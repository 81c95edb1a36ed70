"""Shared by the tests: builders of records, a goal played in memory, and what must hold of it at every step."""
