"""POST /v1/completions, GET /v1/models: OpenAI's older API, for the package `openai` and all that speaks like it.

    client = openai.OpenAI(base_url="http://127.0.0.1:8765/v1", api_key="none")
    client.completions.create(model="tiny", prompt="There was once a", max_tokens=200, seed=3)

What is not as in OpenAI's: a prompt is a story's opening, so the end-of-text token goes before it. A setting left out
is the model's own, max_tokens too. Without `seed` every answer is another. `top_k`, `min_p`, `typical_p` and
`repetition_penalty` are read besides (`extra_body=`). `logprobs` are of the model's own distribution, before
temperature and the filters. A story is one prompt; several, token ids, `echo`, `suffix`, penalties and `logit_bias` are
refused. Errors have OpenAI's form: {"error": {"message": ..., "type": ..., "param": ..., "code": ...}}.

Source: OpenAI's API reference, "Completions" (legacy).
"""

import json
import math
import random
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from types import NoneType
from typing import Any

from storyteller.errors import StorytellerError, optional_import
from storyteller.inference.generate import encode_prompt
from storyteller.inference.sampling import row_seed
from storyteller.inference.sampling_options import SAMPLING_OPTIONS, Sampling
from storyteller.inference.trace import N_ALTERNATIVES, TokenTrace
from storyteller.serve.request import (
    MAX_OPENING_CHARS,
    MAX_REQUEST_BYTES,
    check_bounds,
    check_kind,
    kinds_of,
    read_body,
    read_object,
)
from storyteller.serve.stop_strings import StopStrings
from storyteller.serve.story_service import BUSY, StoryService
from storyteller.tokenizer import Tokenizer

MAX_CHOICES = 8  # n
MAX_STOPS = 4
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
LEAST_LOGPROB = -9999.0  # for a probability that is 0 in float32; JSON has no infinity

# Our settings that keep their names there; the others are spelled in OpenAI's way.
SETTINGS = [option for option in SAMPLING_OPTIONS.values() if option.name not in ("max_new_tokens", "greedy")]
KINDS: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "prompt": (str, list),
    "max_tokens": (int,),
    "n": (int,),
    "stop": (str, list),
    "logprobs": (int,),
    "stream": (bool,),
    "stream_options": (dict,),
    "user": (str,),  # read and not used
} | {option.name: kinds_of(option) for option in SETTINGS}
# What this server does not compute, with the values at which nothing is asked for.
UNSUPPORTED: Mapping[str, tuple[Any, ...]] = {
    "echo": (False,),
    "suffix": ("",),
    "best_of": (1,),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
}


class Refusal(StorytellerError):
    """A request that cannot be served: the sentence, and what OpenAI's form says besides."""

    def __init__(self, message: str, *, status: int = 400, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status, self.param, self.code = status, param, code


@dataclass(frozen=True, kw_only=True)
class CompletionRequest:
    """What a request asks for."""

    model: str | None
    prompt: str
    sampling: Sampling  # of the first choice; the further ones draw as the rows of one batch do
    n: int
    stop: tuple[str, ...]
    logprobs: int | None  # alternatives to name for each token; None: no log-probabilities at all
    stream: bool
    include_usage: bool  # a last piece of a stream that counts the tokens


def read_completion_request(body: bytes, *, defaults: Sampling) -> CompletionRequest:
    """Read a request.

    Raises:
        Refusal: it is no JSON object, or a field is unknown, not supported or out of bounds.
    """
    try:
        values = read_object(body, example='{"prompt": "Once"}')
    except StorytellerError as error:
        raise Refusal(str(error)) from None
    given = {name: value for name, value in values.items() if value is not None}  # null is OpenAI's "left out"
    for name, value in given.items():
        if name in UNSUPPORTED:
            if value not in UNSUPPORTED[name]:
                raise Refusal(f"{name} is not supported; leave it out.", param=name)
        elif name not in KINDS:
            raise Refusal(f"There is no parameter {name[:40]!r}; there are {', '.join(KINDS)}.", param=name)
        else:
            try:
                check_kind(name, value, (*KINDS[name], NoneType))
            except StorytellerError as error:
                raise Refusal(str(error), param=name) from None
    n, logprobs, stop = given.get("n", 1), given.get("logprobs"), given.get("stop", [])
    stop = [stop] if isinstance(stop, str) else stop
    for name, right, wanted in (
        ("n", 1 <= n <= MAX_CHOICES, f"a number from 1 to {MAX_CHOICES}"),
        ("logprobs", logprobs is None or 0 <= logprobs <= N_ALTERNATIVES, f"a number from 0 to {N_ALTERNATIVES}"),
        (
            "stop",
            len(stop) <= MAX_STOPS and all(isinstance(text, str) and text for text in stop),
            f"a text, or a list of at most {MAX_STOPS} that are not empty",
        ),
    ):
        if not right:
            raise Refusal(f"{name} is {given[name]!r}; it must be {wanted}.", param=name)
    return CompletionRequest(
        model=given.get("model"),
        prompt=_read_prompt(given.get("prompt", "")),
        sampling=_read_sampling(given, defaults),
        n=n,
        stop=tuple(stop),
        logprobs=logprobs,
        stream=given.get("stream", False),
        include_usage=bool(given.get("stream_options", {}).get("include_usage")),
    )


def _read_prompt(prompt: Any) -> str:
    if isinstance(prompt, list) and len(prompt) == 1:
        (prompt,) = prompt
    if not isinstance(prompt, str):
        raise Refusal(
            "prompt must be one text, not several and no token ids; send one after the other.", param="prompt"
        )
    if len(prompt) > MAX_OPENING_CHARS:
        raise Refusal(
            f"The prompt has {len(prompt):,} characters; at most {MAX_OPENING_CHARS:,} are read.", param="prompt"
        )
    return prompt


def _read_sampling(given: Mapping[str, Any], defaults: Sampling) -> Sampling:
    settings = {option.name: given.get(option.name, getattr(defaults, option.name)) for option in SETTINGS}
    if "seed" not in given:
        settings["seed"] = random.randrange(2**31)
    length = given.get("max_tokens", defaults.max_new_tokens)
    greedy = settings["temperature"] == 0 or ("temperature" not in given and defaults.greedy)
    if greedy:
        settings["temperature"] = 1.0
    try:
        check_bounds(length, settings["temperature"], length_name="max_tokens")
        return Sampling(**settings, max_new_tokens=length, greedy=greedy)
    except StorytellerError as error:
        raise Refusal(str(error), param=str(error).split()[0]) from None


class Completions:
    """What the addresses under /v1 answer."""

    def __init__(self, service: StoryService, *, name: str, defaults: Sampling) -> None:
        self.service, self.name, self.defaults = service, name, defaults
        self.created = int(time.time())
        self.responses = optional_import("fastapi.responses", extra="serve")

    async def models(self, request: Any) -> Any:
        """The one model."""
        return self._json({"object": "list", "data": [self._model()]})

    async def model(self, request: Any) -> Any:
        """The model of a name."""
        name = request.path_params["name"]
        return self._json(self._model()) if name == self.name else self._refuse(self._no_model(name))

    async def unknown(self, request: Any) -> Any:
        """What else OpenAI has."""
        asked = f"{request.method} {request.url.path[:80]}"
        there = "this server has POST /v1/completions and GET /v1/models"
        return self._refuse(Refusal(f"There is no {asked}; {there}.", status=404, code="unknown_url"))

    async def complete(self, request: Any) -> Any:
        """A completion, whole or as a stream of server-sent events."""
        try:
            wanted, prompt_tokens = await self._read(request)
        except Refusal as refusal:
            return self._refuse(refusal)
        about = {
            "id": f"cmpl-{secrets.token_hex(12)}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": self.name,
        }
        pieces = self._pieces(wanted, prompt_tokens)
        if wanted.stream:
            events = _events(pieces, about, include_usage=wanted.include_usage)
            return self.responses.StreamingResponse(events, media_type="text/event-stream", headers=HEADERS)
        choices = [_new_choice(index, logprobs=wanted.logprobs is not None) for index in range(wanted.n)]
        usage = None
        async with aclosing(pieces):
            try:
                async for piece in pieces:
                    if await request.is_disconnected():
                        break
                    usage = piece.get("usage")
                    if usage is None:
                        _add(choices[piece["index"]], piece)
            except StorytellerError as fault:
                return self._refuse(Refusal(str(fault), status=500))
        return self._json(about | {"choices": choices, "usage": usage})

    async def _read(self, request: Any) -> tuple[CompletionRequest, int]:
        """The request, and how many tokens its prompt has."""
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            raise Refusal("Send the request as application/json.", status=415)  # no form of another site can
        body = await read_body(request)
        if body is None:
            raise Refusal(f"The request is too long; at most {MAX_REQUEST_BYTES:,} bytes are read.", status=413)
        wanted = read_completion_request(body, defaults=self.defaults)
        if wanted.model not in (None, self.name):
            raise self._no_model(str(wanted.model))
        try:
            prompt_tokens = len(encode_prompt(self.service.model, self.service.tokenizer, wanted.prompt))
        except StorytellerError as error:
            raise Refusal(str(error), param="prompt") from None
        if self.service.queue.full:
            raise Refusal(BUSY, status=503)
        return wanted, prompt_tokens

    async def _pieces(self, wanted: CompletionRequest, prompt_tokens: int) -> AsyncGenerator[dict[str, Any], None]:
        """The choices one after the other, each in pieces, and at last how many tokens there were."""
        n_tokens = 0
        async with self.service.queue.turn():
            for index in range(wanted.n):
                sampling = replace(wanted.sampling, seed=row_seed(wanted.sampling.seed, index))
                stops = StopStrings[TokenTrace](wanted.stop)
                offset, ended = len(wanted.prompt), False
                async with aclosing(self.service.compute(self.service.begin(wanted.prompt, sampling))) as tokens:
                    async for token in tokens:
                        n_tokens, ended = n_tokens + 1, token.is_end
                        if token.is_end and not token.text:  # it has text where it cuts a character in two
                            break
                        passed = stops.push(token.text, token)
                        if passed:
                            yield _piece(index, passed, self.service.tokenizer, offset, logprobs=wanted.logprobs)
                            offset += sum(len(text) for text, _ in passed)
                        if stops.stopped:
                            break
                rest = [] if stops.stopped else stops.rest()
                reason = "stop" if ended or stops.stopped else "length"
                last = _piece(index, rest, self.service.tokenizer, offset, logprobs=wanted.logprobs)
                yield last | {"finish_reason": reason}
        total = prompt_tokens + n_tokens
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": n_tokens, "total_tokens": total}
        yield {"usage": usage}

    def _model(self) -> dict[str, Any]:
        return {"id": self.name, "object": "model", "created": self.created, "owned_by": "storyteller"}

    def _no_model(self, name: str) -> Refusal:
        return Refusal(
            f"There is no model {name[:80]!r}; this server has {self.name!r}.",
            status=404,
            param="model",
            code="model_not_found",
        )

    def _json(self, value: Mapping[str, Any], status: int = 200) -> Any:
        return self.responses.JSONResponse(value, status_code=status, headers=HEADERS)

    def _refuse(self, refusal: Refusal) -> Any:
        return self._json(_error(refusal), refusal.status)


def _error(fault: Refusal) -> dict[str, Any]:
    kind = "server_error" if fault.status >= 500 else "invalid_request_error"
    return {"error": {"message": str(fault), "type": kind, "param": fault.param, "code": fault.code}}


def _new_choice(index: int, *, logprobs: bool) -> dict[str, Any]:
    empty: dict[str, list] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    return {"index": index, "text": "", "logprobs": empty if logprobs else None, "finish_reason": None}


def _add(choice: dict[str, Any], piece: Mapping[str, Any]) -> None:
    """Add a piece to its choice."""
    choice["text"] += piece["text"]
    choice["finish_reason"] = piece["finish_reason"]
    for name, values in (piece["logprobs"] or {}).items():
        choice["logprobs"][name] += values


def _piece(
    index: int, passed: Sequence[tuple[str, TokenTrace]], tokenizer: Tokenizer, offset: int, *, logprobs: int | None
) -> dict[str, Any]:
    """Some tokens of a choice, as a choice of a stream."""
    piece = _new_choice(index, logprobs=logprobs is not None)
    for text, token in passed:
        piece["text"] += text
        if logprobs is not None:
            lists = piece["logprobs"]
            lists["tokens"].append(_name(tokenizer.token_bytes(token.token)))
            lists["token_logprobs"].append(_log(token.probability))
            lists["top_logprobs"].append({_name(other): _log(p) for other, p in token.alternatives[:logprobs]})
            lists["text_offset"].append(offset)
        offset += len(text)
    return piece


async def _events(
    pieces: AsyncGenerator[dict[str, Any], None], about: Mapping[str, Any], *, include_usage: bool
) -> AsyncIterator[str]:
    """Server-sent events."""
    async with aclosing(pieces):  # a client that goes away ends the story now, not when memory is tidied up
        try:
            async for piece in pieces:
                if "usage" not in piece:
                    yield _event({**about, "choices": [piece]})
                elif include_usage:
                    yield _event({**about, "choices": [], "usage": piece["usage"]})
        except StorytellerError as fault:
            yield _event(_error(Refusal(str(fault), status=500)))
            return
    yield "data: [DONE]\n\n"


def _event(value: Mapping[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"


def _name(token: bytes) -> str:
    """A token as text; one that is not whole characters as OpenAI writes it, such as `bytes:\\xf0\\x9f`."""
    try:
        return token.decode("utf-8")
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in token)


def _log(probability: float) -> float:
    return math.log(probability) if probability > 0 else LEAST_LOGPROB
