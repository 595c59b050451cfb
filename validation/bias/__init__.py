"""Bias where truth is made outside: one module a mechanism, each with `rows()`."""
