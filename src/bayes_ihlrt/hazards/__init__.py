"""Baseline hazards, one file a family, for NumPy and JAX alike. No priors, no data."""
