"""One cohort under every design, side by side. No new design, no new estimand."""
