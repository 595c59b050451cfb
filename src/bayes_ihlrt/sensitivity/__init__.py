"""How the answer depends on priors, bias, structure and outside evidence. No new design."""
