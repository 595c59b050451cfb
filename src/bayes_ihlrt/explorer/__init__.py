"""Floor 7: a local page on which a trial design is moved. Names load on first use."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.explorer.serving import check_extra as check_extra
    from bayes_ihlrt.explorer.serving import serve as serve
    from bayes_ihlrt.explorer.session import Session as Session
    from bayes_ihlrt.explorer.session import open_session as open_session
else:
    _NAMES = {
        "Session": "bayes_ihlrt.explorer.session",
        "check_extra": "bayes_ihlrt.explorer.serving",
        "open_session": "bayes_ihlrt.explorer.session",
        "serve": "bayes_ihlrt.explorer.serving",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
