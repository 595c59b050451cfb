"""What a run leaves: its files, written and read back, and the one table of a result. No words."""
