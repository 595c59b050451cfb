"""From person-time and specification to arrays, priors and the graph. No sampling."""
