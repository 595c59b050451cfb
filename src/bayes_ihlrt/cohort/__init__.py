"""Reading real files into a validated cohort. No person-time, no models."""
