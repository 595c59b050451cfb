"""Units, laboratory values, scores and published effects. No patients' files, no models."""
