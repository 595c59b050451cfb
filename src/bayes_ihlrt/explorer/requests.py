"""What a page may send: bounded in size and in time, checked, and dropped when its browser left."""

import asyncio
import json
import math
from typing import TYPE_CHECKING, Any, Final

from bayes_ihlrt.errors import Fault, InputError
from bayes_ihlrt.explorer.session import NO_EFFECT, LeftError, Question
from bayes_ihlrt.spec.faults import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

LARGEST: Final = 1 << 16
"""Bytes that a request may have; the page sends some hundred."""
SECONDS: Final = 10.0
"""Seconds that a request has to arrive."""
MOST_WAITING: Final = 100
"""Questions that wait for their turn; one is answered at a time."""
_UNSUPPORTED: Final = 415
_TOO_LARGE: Final = 413
_TOO_SLOW: Final = 408
_BUSY: Final = 503


async def read_question(request: "Request") -> Question:
    """Return the question of a request; of JSON alone, which other sites cannot send unasked.

    Parameters
    ----------
    request : starlette.requests.Request
        What came.

    Returns
    -------
    Question
        Of the right kinds; whether the plan has such a scenario is not known yet.

    Raises
    ------
    InputError
        With every fault.
    starlette.exceptions.HTTPException
        It is no JSON by its name, too large, or did not arrive in time.
    """
    from starlette.exceptions import HTTPException

    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise HTTPException(_UNSUPPORTED, "send application/json")
    try:
        async with asyncio.timeout(SECONDS):
            raw = await _body(request)
    except TimeoutError:
        raise HTTPException(_TOO_SLOW, f"not sent within {SECONDS:g} seconds") from None
    return _question(_parsed(raw))


async def _body(request: "Request") -> bytes:
    from starlette.exceptions import HTTPException

    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > LARGEST:
            raise HTTPException(_TOO_LARGE, f"send at most {LARGEST:,} bytes")
    return bytes(raw)


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except RecursionError:
        fault = Fault("body", "its JSON is nested too deeply", "Send what the page sends")
        raise InputError("request", [fault]) from None
    except ValueError as error:
        raise InputError("request", [Fault("body", f"no JSON ({error})", "Send JSON")]) from error


def _question(body: Any) -> Question:
    """Check what was sent: a faulty page is told so, not guessed at."""
    content = body if isinstance(body, dict) else {}
    scenario, values, looks, at = (content.get(k) for k in ("scenario", "values", "looks", "at"))
    faults = []
    if not isinstance(scenario, str):
        faults.append(Fault("scenario", "it must be text", "Name a scenario of the plan"))
    if not isinstance(values, dict) or not all(map(_is_number, values.values())):
        faults.append(Fault("values", "every value must be a number", "Fill in every field"))
    if not isinstance(looks, list) or not all(isinstance(one, bool) for one in looks):
        faults.append(Fault("looks", "it must be a list of true and false", "One for each look"))
    if not (at is None or at == NO_EFFECT or (_is_number(at) and at > 0.0)):
        remedy = f"Give a hazard ratio, '{NO_EFFECT}' or nothing"
        faults.append(Fault("at", f"{shown(at)} is no truth", remedy))
    if faults or not (isinstance(scenario, str) and values is not None and looks is not None):
        raise InputError("request", faults)
    return Question(scenario, values, looks, at if at is None or at == NO_EFFECT else float(at))


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # A whole number of hundreds of digits is finite and no number of a computer.
    return math.isfinite(value) if isinstance(value, float) else abs(value) < 2**63


class Turns:
    """Lets one question be answered at a time, in the order in which they came.

    Examples
    --------
    >>> Turns().waiting
    0
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._turn = asyncio.Lock()

    async def answer(
        self, request: "Request", work: "Callable[[Callable[[], bool]], dict[str, Any]]"
    ) -> dict[str, Any] | None:
        """Work when the turn has come, and as long as the browser waits.

        Parameters
        ----------
        request : starlette.requests.Request
            Whose question it is.
        work : callable
            Given a function that tells whether the answer is still wanted.

        Returns
        -------
        dict or None
            The answer; None where the browser has left.

        Raises
        ------
        starlette.exceptions.HTTPException
            Too many wait.
        """
        from starlette.exceptions import HTTPException

        if self.waiting >= MOST_WAITING:
            raise HTTPException(_BUSY, f"{MOST_WAITING} questions wait; ask again later")
        self.waiting += 1
        try:
            async with self._turn:
                return await self._answered(request, work)
        finally:
            self.waiting -= 1

    async def _answered(
        self, request: "Request", work: "Callable[[Callable[[], bool]], dict[str, Any]]"
    ) -> dict[str, Any] | None:
        from starlette.concurrency import run_in_threadpool

        if await request.is_disconnected():
            return None
        gone = asyncio.create_task(_gone(request))
        try:
            return await run_in_threadpool(work, lambda: not gone.done())
        except LeftError:
            return None
        finally:
            gone.cancel()


async def _gone(request: "Request") -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
