"""From the bytes of a data file to named columns of cells. Nothing of what they mean."""
