"""What files say: every table as a frozen model, read and checked. No patients, no models."""
