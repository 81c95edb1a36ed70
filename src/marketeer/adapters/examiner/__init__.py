"""The examiner: in this process, or beside it in a helper of its own when there is much to examine.

Each name is imported where it is needed: the helper must not load what only its parent uses.
"""
