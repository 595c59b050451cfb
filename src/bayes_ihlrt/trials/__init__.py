"""Floor 6: randomised trials planned by simulation. Names load their module on first use."""
