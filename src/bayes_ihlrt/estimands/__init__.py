"""From posterior draws to what a clinician asks for. No fitting."""
