"""The compiled density, and what runs on many data sets at once. No single user's fit."""
