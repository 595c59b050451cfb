"""A first specification proposed from a file: roles recognised, guesses explained. No fits."""
