"""Is the model to be trusted: predictions, residuals, families. No verdict on treatment."""
