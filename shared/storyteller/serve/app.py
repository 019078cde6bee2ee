"""The web application: the page, and the address that streams a story.

POST /tell takes the JSON of `storyteller.serve.request` and answers with one JSON object a line, as they come:

    {"waiting": 1}                                  stories that are told before this one; only if there are any
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
from contextlib import aclosing
from functools import partial
from importlib import resources
from typing import Any

from storyteller.errors import StorytellerError, optional_import
from storyteller.figures.display import safe
from storyteller.figures.traced_story import STYLE, token_html
from storyteller.inference.trace import TokenTrace, stream_traced
from storyteller.serve.queue import Turns
from storyteller.serve.request import MOST_BYTES, Asked, read_asked
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder

MOST_WAITING = 3
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
    most_waiting: int = MOST_WAITING,
) -> Any:
    """The application (a FastAPI), to be run by any ASGI server.

    Args:
        model: the model.
        tokenizer: the one it was trained with.
        title: what the page calls the model.
        hosts: names under which a browser may ask for it; "*" allows any. A page elsewhere that makes its own name
            point here gets nothing.
        most_waiting: browsers that may wait while a story is told.

    Raises:
        StorytellerError: fastapi is not installed.
    """
    fastapi = optional_import("fastapi", extra="serve")
    trusted = optional_import("fastapi.middleware.trustedhost", extra="serve").TrustedHostMiddleware
    app = fastapi.FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(trusted, allowed_hosts=list(hosts), www_redirect=False)
    addresses = Addresses(Teller(model, tokenizer, most_waiting=most_waiting), title)
    for path in FILES:
        app.add_route(path, addresses.file, methods=["GET"])
    app.add_route("/told.css", addresses.style, methods=["GET"])
    app.add_route("/tell", addresses.tell, methods=["POST"])
    return app


class Addresses:
    """What each address answers."""

    def __init__(self, teller: "Teller", title: str) -> None:
        self.teller, self.title = teller, title
        self.responses = optional_import("fastapi.responses", extra="serve")

    async def file(self, request: Any) -> Any:
        """A file of the page."""
        name, kind = FILES[request.url.path]
        text = resources.files(__package__).joinpath("page", name).read_text(encoding="utf-8")
        return self.responses.Response(text.replace("{{title}}", safe(self.title)), media_type=kind, headers=HEADERS)

    async def style(self, request: Any) -> Any:
        """The style of told tokens, which the notebook has too."""
        return self.responses.Response(STYLE, media_type="text/css", headers=HEADERS)

    async def tell(self, request: Any) -> Any:
        """A story, in lines; or a refusal in one sentence."""
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            return self._refuse(415, "Send the request as application/json.")  # no form of another site can
        body = await _read(request)
        if body is None:
            return self._refuse(413, f"The request is too long; at most {MOST_BYTES:,} bytes are read.")
        try:
            tokens = self.teller.begin(read_asked(body))
        except StorytellerError as refusal:
            return self._refuse(422, str(refusal))
        if self.teller.turns.full:
            return self._refuse(503, "Too many stories are being told just now; try again in a few seconds.")
        lines = _lines(self.teller.tell(tokens))
        return self.responses.StreamingResponse(lines, media_type="application/x-ndjson", headers=HEADERS)

    def _refuse(self, status: int, sentence: str) -> Any:
        return self.responses.JSONResponse({"error": sentence}, status_code=status, headers=HEADERS)


class Teller:
    """Tells stories one after the other, in one thread of its own, so that the server can listen meanwhile."""

    def __init__(self, model: Decoder, tokenizer: Tokenizer, *, most_waiting: int) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.turns = Turns(most_waiting=most_waiting)
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="storyteller-tell")

    def begin(self, asked: Asked) -> Iterator[TokenTrace]:
        """The story's tokens; nothing is computed before the first is asked for.

        Raises:
            StorytellerError: the opening holds a special token or half a character.
        """
        return stream_traced(self.model, self.tokenizer, asked.opening, sampling=asked.sampling)

    async def tell(self, tokens: Iterator[TokenTrace]) -> AsyncGenerator[Mapping[str, Any], None]:
        """The lines of one answer."""
        if self.turns.here:
            yield {"waiting": self.turns.here}
        loop = asyncio.get_running_loop()
        async with self.turns.take():
            started, count, ended = time.monotonic(), 0, False
            try:
                while (told := await loop.run_in_executor(self.thread, partial(next, tokens, None))) is not None:
                    count, ended = count + 1, told.is_end
                    yield {"text": told.text, "html": token_html(told)}
            except StorytellerError as fault:
                yield {"error": str(fault)}
                return
            finally:  # also where the browser has gone: the token that is being computed is the last
                self.thread.submit(getattr(tokens, "close", lambda: None))
            yield {"done": True, "tokens": count, "seconds": time.monotonic() - started, "ended": ended}


async def _read(request: Any) -> bytes | None:
    """The body of a request, None where it is too long; no more than that is kept."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return body


async def _lines(values: AsyncGenerator[Mapping[str, Any], None]) -> AsyncIterator[str]:
    async with aclosing(values):  # a browser that goes away ends the story now, not when memory is tidied up
        async for value in values:
            yield json.dumps(value, ensure_ascii=False) + "\n"
