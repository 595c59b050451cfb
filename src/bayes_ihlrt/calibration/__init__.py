"""Simulation-based calibration, a tool of development. No analysis of a user's data."""
