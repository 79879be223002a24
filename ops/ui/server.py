"""The page's server: on this computer's loopback alone, for holders of the token in its address.

A web page elsewhere may make the browser send requests here, so three things are checked of each: the Host header (a
name that was rebound to 127.0.0.1 is refused), the Origin of what changes anything, and the token, which only the
address that was printed carries.
"""

import gzip
import hmac
import json
import threading
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from mlops_core.errors import MlopsError
from mlops_core.page import FleetPage, content_security_policy, live_page
from ops.errors import OpsError

__all__ = ["Action", "Recent", "application"]

Action = Callable[[Mapping[str, object]], str]
"""Does one thing that a person asked for, from the fields of its dialog, and says what it did."""

_MOST_BYTES = 64 * 1024
_LEVEL = 6  # a tenth smaller than 3; 9 saves one part in a hundred more


class Recent:
    """The newest document: read again when it is older than ``keep``, by one request at a time."""

    def __init__(
        self, read: Callable[[], FleetPage], clock: Callable[[], datetime], keep: timedelta = timedelta(seconds=10)
    ) -> None:
        self._read, self._clock, self._keep = read, clock, keep
        self._lock = threading.Lock()
        self._newest: tuple[datetime, bytes] | None = None

    def get(self) -> bytes:
        """Return the document as JSON, by gzip, which every browser takes: 1,000 machines are 2 MB without."""
        with self._lock:
            if self._newest is None or self._clock() - self._newest[0] > self._keep:
                page = self._read()
                self._newest = page.made_at, gzip.compress(page.model_dump_json().encode(), compresslevel=_LEVEL)
            return self._newest[1]

    def expire(self) -> None:
        """Read it anew at the next request: something was changed."""
        with self._lock:
            self._newest = None


def application(recent: Recent, actions: Mapping[str, Action], *, host: str, token: str) -> Starlette:
    """Return the server's application.

    Args:
        recent: where the document comes from.
        actions: what may be done, by name.
        host: the one Host header that is answered, such as ``127.0.0.1:8400``.
        token: what each request but that of the page itself must carry.

    """

    async def page(_: Request) -> Response:
        return HTMLResponse(live_page(), headers={"Content-Security-Policy": content_security_policy()})

    async def document(_: Request) -> Response:
        newest = await run_in_threadpool(recent.get)
        return Response(newest, media_type="application/json", headers={"Content-Encoding": "gzip"})

    async def act(request: Request) -> Response:
        action = actions.get(request.path_params["name"])
        if action is None:
            return _refused(404, "There is no such action.")
        body = await request.body()
        fields = _fields(body)
        if fields is None:
            return _refused(400, "The fields of an action are a JSON object.")
        try:
            message = await run_in_threadpool(action, fields)
        finally:
            recent.expire()
        return JSONResponse({"message": message})

    def guarded(handler: Callable[[Request], Awaitable[Response]], *, secret: bool = True) -> Callable[..., object]:
        async def checked(request: Request) -> Response:
            problem = _problem(request, host, token if secret else None)
            if problem is not None:
                return problem
            try:
                answer = await handler(request)
            except (OpsError, MlopsError) as error:
                answer = _refused(409, str(error))
            answer.headers.update(_HEADERS)
            return answer

        return checked

    return Starlette(
        routes=[
            Route("/", guarded(page, secret=False)),
            Route("/fleet.json", guarded(document)),
            Route("/actions/{name}", guarded(act), methods=["POST"]),
        ],
        middleware=[Middleware(GZipMiddleware, minimum_size=10_000)],
    )


_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def _problem(request: Request, host: str, token: str | None) -> Response | None:
    """Return the refusal of a request that is not this page's; None where it is."""
    if request.headers.get("host") != host:
        return _refused(421, f"This server answers to http://{host} alone.")
    if request.method != "GET" and request.headers.get("origin") != f"http://{host}":
        return _refused(403, "This request does not come from the page.")
    given = request.headers.get("authorization", "").encode()
    if token is not None and not hmac.compare_digest(given, f"Bearer {token}".encode()):
        return _refused(401, "Open the page by the whole address that mlops ui printed: the token is missing or old.")
    if int(request.headers.get("content-length") or 0) > _MOST_BYTES:
        return _refused(413, "That is too long.")
    return None


def _fields(body: bytes) -> Mapping[str, object] | None:
    try:
        fields: object = json.loads(body)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None  # pyright: ignore[reportUnknownVariableType] - JSON keys are texts


def _refused(status: int, message: str) -> Response:
    return JSONResponse({"message": message}, status_code=status)
