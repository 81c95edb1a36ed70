"""The store in one SQLite file: a database thread, rows for every record, plain SQL."""
