"""Adverse inputs, run: one module an item, each with `rows()`."""
