"""One analysis from specification to result: check, fit, summarise. No terminal, no files."""
