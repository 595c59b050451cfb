"""Response, treatment, progression and death as states: the g-formula. No weighting."""
