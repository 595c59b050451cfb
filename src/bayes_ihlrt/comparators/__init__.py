"""Tests of two arms without a model, on arrays of one simulated trial; nothing Bayesian enters."""
