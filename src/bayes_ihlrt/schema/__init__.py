"""What every JSON file of a result holds: keys, types, units and words. Nothing is computed."""
