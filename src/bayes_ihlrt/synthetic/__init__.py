"""Simulated cohorts with a known truth, called synthetic wherever they appear. No fitting."""
