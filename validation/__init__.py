"""Truth made outside the package, and what the package makes of it."""
