"""The page's server on this machine: its files, the questions that it answers, and the browser."""

import socket
import webbrowser
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bayes_ihlrt.errors import OPTION, Fault, InputError, MissingExtraError
from bayes_ihlrt.explorer.requests import Turns, read_question
from bayes_ihlrt.explorer.session import Question, Session

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response


_ASSETS: Final = Path(__file__).parent / "assets"
_FILES: Final = {
    "/": ("explore.html", "text/html"),
    "/explore.js": ("explore.js", "text/javascript"),
    "/explore.css": ("explore.css", "text/css"),
}
_HEADERS: Final = {
    # Nothing but this server may be asked, and nobody may frame the page.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_INVALID: Final = 422
_LEFT: Final = 499


def build_app(session: Session) -> "Starlette":
    """Return the application of a session.

    Parameters
    ----------
    session : Session
        The plan that is explored.

    Returns
    -------
    starlette.applications.Starlette
        It answers to this machine's own names alone, so that no other site can reach it through
        the reader's browser.
    """
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    turns = Turns()

    async def file(request: "Request") -> "Response":
        name, kind = _FILES[request.url.path]
        return Response((_ASSETS / name).read_bytes(), media_type=kind, headers=_HEADERS)

    async def start(_: "Request") -> "Response":
        return JSONResponse(session.describe(), headers=_HEADERS)

    async def simulate(request: "Request") -> "Response":
        question = await read_question(request)
        found = await turns.answer(request, partial(session.answer, question))
        if found is None:
            return Response(status_code=_LEFT)
        return JSONResponse(found, headers=_HEADERS)

    async def save(request: "Request") -> "Response":
        text = session.changed(await read_question(request)).to_toml()
        return Response(text, media_type="application/toml", headers=_HEADERS)

    async def refuse(_: "Request", error: Exception) -> "Response":
        return JSONResponse(_faults(error), status_code=_INVALID, headers=_HEADERS)

    return Starlette(
        routes=[
            *(Route(path, file) for path in _FILES),
            Route("/start", start),
            Route("/simulate", simulate, methods=["POST"]),
            Route("/plan.toml", save, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        exception_handlers={InputError: refuse},
    )


def _faults(error: Exception) -> dict[str, Any]:
    found = error.faults if isinstance(error, InputError) else ()
    return {"faults": [str(fault) for fault in found]}


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
        problem = f"it cannot be used ({reason})"
        remedy = f"Give another one by {OPTION}, or leave it out for any free one"
        fault = Fault(f"port {port}", problem, remedy, option="port")
        raise InputError("explore", [fault]) from error
