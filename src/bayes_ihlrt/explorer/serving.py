"""Serve a session on this machine, and open it in the browser."""

import socket
import webbrowser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from bayes_ihlrt.errors import Fault, InputError, MissingExtraError
from bayes_ihlrt.explorer.app import build_app
from bayes_ihlrt.explorer.session import Question, Session

if TYPE_CHECKING:
    import uvicorn

HOST: Final = "127.0.0.1"
_NEEDED: Final = ("starlette", "uvicorn")


def check_extra() -> None:
    """Raise where the page's server is not installed.

    Raises
    ------
    MissingExtraError
        With the line that installs it.
    """
    if any(find_spec(name) is None for name in _NEEDED):
        raise MissingExtraError("explore", "the explorer")


def serve(
    session: Session, *, port: int = 0, browser: bool = True, tell: Callable[[str], None]
) -> None:
    """Serve a session until it is interrupted; the first result is computed at once.

    Parameters
    ----------
    session : Session
        The plan that is explored.
    port : int
        Port of 127.0.0.1; any free one for 0.
    browser : bool
        Open the page in the browser.
    tell : callable
        Told the address.

    Raises
    ------
    MissingExtraError
        The extra ``explore`` is not installed.
    InputError
        The port is in use.
    """
    check_extra()
    with listening(port) as listener, ThreadPoolExecutor(1) as ahead:
        address = f"http://{HOST}:{listener.getsockname()[1]}/"
        tell(address)
        # Compiled while the browser starts; what fails here fails again, and is told, on the page.
        looks = [True] * len(session.plan.design.looks)
        ahead.submit(session.answer, Question(session.first.name, {}, looks))
        if browser:
            webbrowser.open(address)
        try:
            server(session).run(sockets=[listener])
        except KeyboardInterrupt:
            return


def server(session: Session) -> "uvicorn.Server":
    """Return the server of a session, not yet running."""
    import uvicorn

    settings = uvicorn.Config(build_app(session), log_level="warning", lifespan="off")
    return uvicorn.Server(settings)


def listening(port: int) -> socket.socket:
    """Return a socket that listens on this machine alone.

    Parameters
    ----------
    port : int
        Port; any free one for 0.

    Returns
    -------
    socket.socket
        Bound to 127.0.0.1.

    Raises
    ------
    InputError
        The port is in use, or not allowed.
    """
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        remedy = "Give another one with --port, or leave it out for any free one"
        raise InputError(
            "--port", [Fault(f"port {port}", f"it cannot be used ({reason})", remedy)]
        ) from error
