"""Faults injected into the writers of the package, and what a reader and the next writer find."""
