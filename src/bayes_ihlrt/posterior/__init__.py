"""One posterior of one model, whatever the engine, with its diagnostics. No estimands."""
