"""The store in one SQLite file: rows for every record, plain SQL, short work on the loop."""
