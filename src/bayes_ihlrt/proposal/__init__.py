"""A first specification proposed from a file: roles recognised, each guess explained. No fitting."""
