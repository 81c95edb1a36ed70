"""Helpers: processes beside this one, for work that would take the interpreter's lock from the event loop.

`process` is what a working process has of one, `serving` what runs in it, and `wire` what goes between the two.
"""
