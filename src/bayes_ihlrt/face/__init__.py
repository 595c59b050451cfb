"""What a user writes: one verb for each thing, over the rooms below. No computing of its own."""
