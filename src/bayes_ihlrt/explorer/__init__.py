"""A page to look at results in, served on this machine. No computing of new posteriors."""
