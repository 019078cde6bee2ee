"""The web application: the page, the address that streams a story to it, and OpenAI's for programs.

POST /tell takes the JSON of `storyteller.serve.request` and answers with one JSON object a line, as they come:

    {"waiting": 1}                                  stories that come before this one; only if there are any
    {"text": " fox", "probability": 0.3, ...}       a token: the fields of `TokenTrace`, bytes as lists of numbers
    {"done": true, "tokens": 120, "seconds": 0.9, "ended": true}
    {"error": "..."}                                instead, where something went wrong on the way

A request that cannot be served gets {"error": "..."} with a sentence: 422 for a setting out of bounds, 503 where too
many wait already. A browser that goes away ends its story, also in the middle of it.
"""

import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from storyteller.errors import StorytellerError, optional_import
from storyteller.export.html.about import About
from storyteller.export.html.rendering import FACE, SERVER, page_file, render
from storyteller.inference.sampling_options import STORY_SAMPLING, Sampling
from storyteller.inference.trace import TokenTrace
from storyteller.serve.completions import Completions
from storyteller.serve.request import MAX_REQUEST_BYTES, read_body, read_request
from storyteller.serve.story_service import BUSY, StoryService
from storyteller.tokenizer import Tokenizer
from storyteller.transformer.decoder import Decoder

MAX_WAITING = 3  # clients that wait while a story is generated
HEADERS = {
    # Only what this server gives, no script within the page, and no other page around it.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
SCRIPTS = (*SERVER, *FACE)
FILES = {"/page.css": "text/css"} | {f"/{name}": "text/javascript" for name in SCRIPTS}  # address -> kind


def make_app(
    model: Decoder,
    tokenizer: Tokenizer,
    *,
    about: About,
    defaults: Sampling = STORY_SAMPLING,
    hosts: Sequence[str] = ("127.0.0.1", "localhost"),
    max_waiting: int = MAX_WAITING,
) -> Any:
    """The application (a FastAPI), to be run by any ASGI server.

    Args:
        model: the model.
        tokenizer: the one it was trained with.
        about: what the page says of the model; its name is also the one that OpenAI's API asks for.
        defaults: how a story is sampled where a request does not say it.
        hosts: names under which a browser may ask for it; "*" allows any. A page elsewhere that makes its own name
            point here gets nothing.
        max_waiting: clients that may wait while a story is generated.

    Raises:
        StorytellerError: fastapi is not installed.
    """
    fastapi = optional_import("fastapi", extra="serve")
    trusted = optional_import("fastapi.middleware.trustedhost", extra="serve").TrustedHostMiddleware
    app = fastapi.FastAPI(title=about.name, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(trusted, allowed_hosts=list(hosts), www_redirect=False)
    service = StoryService(model, tokenizer, max_waiting=max_waiting)
    endpoints = Endpoints(service, about, defaults)
    app.add_route("/", endpoints.page, methods=["GET"])
    for path in FILES:
        app.add_route(path, endpoints.file, methods=["GET"])
    app.add_route("/tell", endpoints.tell, methods=["POST"])
    completions = Completions(service, name=about.name, defaults=defaults)
    app.add_route("/v1/completions", completions.complete, methods=["POST"])
    app.add_route("/v1/models", completions.models, methods=["GET"])
    app.add_route("/v1/models/{name:path}", completions.model, methods=["GET"])
    app.add_route("/v1/{path:path}", completions.unknown, methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    return app


class Endpoints:
    """What each address of the page answers."""

    def __init__(self, service: StoryService, about: About, defaults: Sampling) -> None:
        self.service, self.about, self.defaults = service, about, defaults
        self.responses = optional_import("fastapi.responses", extra="serve")

    async def page(self, request: Any) -> Any:
        """The page itself."""
        styles = '<link rel="stylesheet" href="/page.css">'
        scripts = "\n".join(f'<script src="/{name}"></script>' for name in SCRIPTS)
        text = render(self.about, defaults=self.defaults, styles=styles, scripts=scripts)
        return self.responses.Response(text, media_type="text/html", headers=HEADERS)

    async def file(self, request: Any) -> Any:
        """A style or a script of the page."""
        path = request.url.path
        return self.responses.Response(page_file(path[1:]), media_type=FILES[path], headers=HEADERS)

    async def tell(self, request: Any) -> Any:
        """A story, in lines; or a refusal in one sentence."""
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            return self._refuse(415, "Send the request as application/json.")  # no form of another site can
        body = await read_body(request)
        if body is None:
            return self._refuse(413, f"The request is too long; at most {MAX_REQUEST_BYTES:,} bytes are read.")
        try:
            wanted = read_request(body, defaults=self.defaults)
            tokens = self.service.begin(wanted.opening, wanted.sampling)
        except StorytellerError as refusal:
            return self._refuse(422, str(refusal))
        if self.service.queue.full:
            return self._refuse(503, BUSY)
        lines = _json_lines(_tell(self.service, tokens))
        return self.responses.StreamingResponse(lines, media_type="application/x-ndjson", headers=HEADERS)

    def _refuse(self, status: int, sentence: str) -> Any:
        return self.responses.JSONResponse({"error": sentence}, status_code=status, headers=HEADERS)


async def _tell(service: StoryService, tokens: Iterator[TokenTrace]) -> AsyncGenerator[Mapping[str, Any], None]:
    """The lines of one answer."""
    if service.queue.size:
        yield {"waiting": service.queue.size}
    async with service.queue.turn():
        started, count, ended = time.monotonic(), 0, False
        try:
            async with aclosing(service.compute(tokens)) as computed:
                async for token in computed:
                    count, ended = count + 1, token.is_end
                    yield asdict(token) | {"alternatives": [[list(other), p] for other, p in token.alternatives]}
        except StorytellerError as fault:
            yield {"error": str(fault)}
            return
        yield {"done": True, "tokens": count, "seconds": time.monotonic() - started, "ended": ended}


async def _json_lines(values: AsyncGenerator[Mapping[str, Any], None]) -> AsyncIterator[str]:
    async with aclosing(values):  # a browser that goes away ends the story now, not when memory is tidied up
        async for value in values:
            yield json.dumps(value, ensure_ascii=False) + "\n"
