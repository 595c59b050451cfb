"""Simulators with a known truth that import nothing of the package they try."""
