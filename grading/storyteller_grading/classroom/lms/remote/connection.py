"""Requests to an LMS with a token: tried again where that helps, and the token never leaves for another host."""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from storyteller.errors import StorytellerError

TRIES = 6
FIRST_PAUSE_S = 1.0  # before the second try; then twice as long each time
MAX_PAUSE_S = 60.0  # also where the server asks for more
TIMEOUT_S = 60.0
AGAIN = (429, 500, 502, 503, 504)
MAX_FILE_BYTES = 64 << 20
MAX_SAID_CHARS = 200  # of a server's message


class Connection:
    """One LMS.

    Args:
        url: its address.
        token: kept out of every message.
        bearer: send the token as `Authorization: Bearer`; otherwise whoever asks puts it into the request's body.
        pause: waits so many seconds.
        throttled: is a 403 the server's way to say "later", by its text?
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        bearer: bool,
        pause: Callable[[float], None] = time.sleep,
        throttled: Callable[[str], bool] = lambda text: False,
    ) -> None:
        self.url, self.token, self.bearer, self.pause, self.throttled = url, token, bearer, pause, throttled
        self.client = httpx.Client(timeout=TIMEOUT_S)  # which drops the header with the token at another host

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close()

    def get(self, url: str, parameters: Mapping[str, Any] | None = None) -> httpx.Response:
        """A GET of a path of this LMS, or of a whole address."""
        return self.request("GET", url, params=parameters)

    def post(self, url: str, fields: Mapping[str, Any]) -> httpx.Response:
        """A POST of a form."""
        return self.request("POST", url, data=fields)

    def request(self, method: str, url: str, **content: Any) -> httpx.Response:
        """A request, tried again where the server is overloaded or out of reach.

        Raises:
            StorytellerError: it was refused, or nothing helped; the message has no token in it.
        """
        whole = url if "://" in url else f"{self.url}{url}"
        headers = {"Authorization": f"Bearer {self.token}"} if self.bearer and self.is_ours(whole) else {}
        said = ""
        for turn in range(TRIES):
            pause = FIRST_PAUSE_S * 2**turn
            try:
                # A form may hold the token, so it is not sent on to wherever an answer points.
                answer = self.client.request(
                    method, whole, headers=headers, follow_redirects=method == "GET", **content
                )
            except httpx.TransportError as error:
                said = f"{type(error).__name__}: {error}"
            else:
                if not (answer.status_code in AGAIN or (answer.status_code == 403 and self.throttled(answer.text))):
                    if answer.is_success:
                        return answer
                    raise StorytellerError(self.refusal(answer))
                said = f"{answer.status_code} {answer.reason_phrase}"
                after = answer.headers.get("Retry-After", "")
                pause = max(pause, float(after) if after.isdecimal() else 0.0)
            if turn + 1 < TRIES:
                self.pause(min(pause, MAX_PAUSE_S))
        raise StorytellerError(
            f"{self.host} did not answer in {TRIES} tries ({self.without_token(said)}): try again later."
        )

    def download(self, url: str) -> bytes:
        """A file; one of another host gets no token.

        Raises:
            StorytellerError: it cannot be had, or is larger than a notebook ever is.
        """
        content = self.get(url).content
        if len(content) > MAX_FILE_BYTES:
            raise StorytellerError(f"A file of {self.host} has more than {MAX_FILE_BYTES >> 20} MB; fetch it by hand.")
        return content

    @property
    def host(self) -> str:
        """The LMS's, for messages."""
        return urlsplit(self.url).netloc

    def is_ours(self, url: str) -> bool:
        """Is an address this LMS's own, so that it may get the token?"""
        mine, theirs = urlsplit(self.url), urlsplit(url)
        return (mine.scheme, mine.netloc) == (theirs.scheme, theirs.netloc)

    def refusal(self, answer: httpx.Response) -> str:
        """What a refused request means, in a sentence."""
        said = self.without_token(" ".join(answer.text.split()))
        why = {
            401: "the token is wrong, has expired, or may not do this: make a new one as a teacher of this course",
            403: "the token's owner may not do this: it needs a teacher's rights in this course",
            301: "it has moved, so mend the url in lms.toml",
            302: "it sends you elsewhere, so the url in lms.toml may be wrong",
            404: "there is no such course or assignment, or the token's owner may not see it: look at lms.toml",
        }.get(answer.status_code, "the request was refused")
        return f"{self.host} answers {answer.status_code}: {why}. It says: {said or 'nothing'}"

    def without_token(self, text: str) -> str:
        """The beginning of what the server says, for a message; the token does not stand in it."""
        return text.replace(self.token, "...")[:MAX_SAID_CHARS]
