"""The model of who is treated when, weights and balance. No outcome."""
