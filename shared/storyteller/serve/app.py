"""The web application: the page, and the address that streams a story.

POST /tell takes the JSON of `storyteller.serve.request` and answers with one JSON object a line, as they come:

    {"waiting": 1}                                  stories that come before this one; only if there are any
    {"text": " fox", "html": "<span ..."}           a token
    {"done": true, "tokens": 120, "seconds": 0.9, "ended": true}
    {"error": "..."}                                instead, where something went wrong on the way

A request that cannot be served gets {"error": "..."} with a sentence: 422 for a setting out of bounds, 503 where too
many wait already. A browser that goes away ends its story, also in the middle of it.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from functools import partial
from importlib import resources
from typing import Any

from storyteller.errors import StorytellerError, optional_import
from storyteller.figures.display import safe
from storyteller.figures.traced_story import STYLE, token_html
from storyteller.inference.trace import TokenTrace, stream_traced
from storyteller.serve.request import MAX_REQUEST_BYTES, StoryRequest, form_html, read_request
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder

MAX_WAITING = 3  # browsers that wait while a story is generated
HEADERS = {
    # Only what this server gives, no script within the page, and no other page around it.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
FILES = {  # address -> file in page/, kind
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}


def make_app(
    model: Decoder,
    tokenizer: Tokenizer,
    *,
    title: str,
    hosts: Sequence[str] = ("127.0.0.1", "localhost"),
    max_waiting: int = MAX_WAITING,
) -> Any:
    """The application (a FastAPI), to be run by any ASGI server.

    Args:
        model: the model.
        tokenizer: the one it was trained with.
        title: what the page calls the model.
        hosts: names under which a browser may ask for it; "*" allows any. A page elsewhere that makes its own name
            point here gets nothing.
        max_waiting: browsers that may wait while a story is generated.

    Raises:
        StorytellerError: fastapi is not installed.
    """
    fastapi = optional_import("fastapi", extra="serve")
    trusted = optional_import("fastapi.middleware.trustedhost", extra="serve").TrustedHostMiddleware
    app = fastapi.FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(trusted, allowed_hosts=list(hosts), www_redirect=False)
    endpoints = Endpoints(StoryService(model, tokenizer, max_waiting=max_waiting), title)
    for path in FILES:
        app.add_route(path, endpoints.file, methods=["GET"])
    app.add_route("/told.css", endpoints.style, methods=["GET"])
    app.add_route("/tell", endpoints.tell, methods=["POST"])
    return app


class Endpoints:
    """What each address answers."""

    def __init__(self, service: "StoryService", title: str) -> None:
        self.service, self.title = service, title
        self.responses = optional_import("fastapi.responses", extra="serve")

    async def file(self, request: Any) -> Any:
        """A file of the page."""
        name, kind = FILES[request.url.path]
        text = resources.files(__package__).joinpath("page", name).read_text(encoding="utf-8")
        text = text.replace("{{settings}}", form_html()).replace("{{title}}", safe(self.title))
        return self.responses.Response(text, media_type=kind, headers=HEADERS)

    async def style(self, request: Any) -> Any:
        """The style of a story's tokens, which the notebook has too."""
        return self.responses.Response(STYLE, media_type="text/css", headers=HEADERS)

    async def tell(self, request: Any) -> Any:
        """A story, in lines; or a refusal in one sentence."""
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            return self._refuse(415, "Send the request as application/json.")  # no form of another site can
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_REQUEST_BYTES:
                return self._refuse(413, f"The request is too long; at most {MAX_REQUEST_BYTES:,} bytes are read.")
        try:
            tokens = self.service.begin(read_request(body))
        except StorytellerError as refusal:
            return self._refuse(422, str(refusal))
        if self.service.queue.full:
            return self._refuse(503, "Too many stories are being told just now; try again in a few seconds.")
        lines = _json_lines(self.service.tell(tokens))
        return self.responses.StreamingResponse(lines, media_type="application/x-ndjson", headers=HEADERS)

    def _refuse(self, status: int, sentence: str) -> Any:
        return self.responses.JSONResponse({"error": sentence}, status_code=status, headers=HEADERS)


class StoryService:
    """Generates one story at a time, in one thread of its own, so that the server can listen meanwhile."""

    def __init__(self, model: Decoder, tokenizer: Tokenizer, *, max_waiting: int) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.queue = StoryQueue(max_waiting=max_waiting)
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="storyteller-tell")

    def begin(self, request: StoryRequest) -> Iterator[TokenTrace]:
        """The story's tokens; nothing is computed before the first is asked for.

        Raises:
            StorytellerError: the opening holds a special token or half a character.
        """
        return stream_traced(self.model, self.tokenizer, request.opening, sampling=request.sampling)

    async def tell(self, tokens: Iterator[TokenTrace]) -> AsyncGenerator[Mapping[str, Any], None]:
        """The lines of one answer."""
        if self.queue.size:
            yield {"waiting": self.queue.size}
        loop = asyncio.get_running_loop()
        async with self.queue.turn():
            started, count, ended = time.monotonic(), 0, False
            try:
                while (token := await loop.run_in_executor(self.thread, partial(next, tokens, None))) is not None:
                    count, ended = count + 1, token.is_end
                    yield {"text": token.text, "html": token_html(token)}
            except StorytellerError as fault:
                yield {"error": str(fault)}
                return
            finally:  # also where the browser has gone: the token that is being computed is the last
                self.thread.submit(getattr(tokens, "close", lambda: None))
            yield {"done": True, "tokens": count, "seconds": time.monotonic() - started, "ended": ended}


class StoryQueue:
    """The one story that is generated, and a few that wait.

    Args:
        max_waiting: how many may wait; beyond that, come again later.
    """

    def __init__(self, *, max_waiting: int) -> None:
        self.max_waiting = max_waiting
        self.size = 0  # the one that is generated and those that wait
        self._turn = asyncio.Lock()

    @property
    def full(self) -> bool:
        """Whether there is no room to wait."""
        return self.size > self.max_waiting

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Context manager: wait for the turn and have it; whoever leaves early makes room at once."""
        self.size += 1
        try:
            async with self._turn:
                yield
        finally:
            self.size -= 1


async def _json_lines(values: AsyncGenerator[Mapping[str, Any], None]) -> AsyncIterator[str]:
    async with aclosing(values):  # a browser that goes away ends the story now, not when memory is tidied up
        async for value in values:
            yield json.dumps(value, ensure_ascii=False) + "\n"
