"""Trials planned by simulation: patients, stages, rules, operating figures. No files."""
