"""Outcome models on weighted person-time and their uncertainty. No model of treatment."""
