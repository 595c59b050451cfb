"""Bounds beyond which draws are not to be trusted."""

from typing import Final

MAX_R_HAT: Final = 1.01
MIN_ESS: Final = 400.0
MAX_K_HAT: Final = 0.7
"""Pareto shape above which importance weights are not to be trusted."""
MAX_FAILED: Final = 0.01
"""Share of members (bootstrap draws without a mode, approximate posteriors that are no good) above
which the others are not to be trusted."""
