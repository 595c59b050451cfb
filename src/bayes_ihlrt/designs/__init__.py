"""From cohort to person-time, one file a design. No weights, no models."""
