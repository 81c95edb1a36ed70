"""The command line: one thin module for each group of commands, imported only when one of them runs."""
