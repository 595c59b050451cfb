"""Figures from labelled data sets. No computing, no reading of files."""
