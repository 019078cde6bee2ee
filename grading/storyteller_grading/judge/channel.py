"""Frames over a socket between the judge and a worker: a tag of one byte, a length, and that many bytes.

Both ends may be slow, silent or hostile; the judge's end has a deadline for each frame as a whole, read or written, and
a limit on its length.
"""

import socket
import struct
import time

HEAD = struct.Struct("<cQ")
CHUNK = 1 << 20

# Tags: what the judge asks, and what a worker says.
CELL, STEPS, NAMES, BIND, REQUEST = b"c", b"s", b"n", b"b", b"r"  # steps: a cell, with word of each statement
REPLY, CALLBACK = b"R", b"K"  # a callback goes to the judge and back while a request is under way
STATEMENT = b"S"  # of a cell that is under way: this one begins; its number and its line, as `PLACE` has them
TAGS = frozenset({CELL, STEPS, NAMES, BIND, REQUEST, REPLY, CALLBACK, STATEMENT})
PLACE = struct.Struct("<II")

MAX_FRAME_BYTES = 64 << 20  # bytes in a frame


class Closed(Exception):
    """The other end is gone."""


class TimedOut(Exception):
    """The deadline passed before the frame was through."""


class Garbled(Exception):
    """What came is no frame."""


class Channel:
    """One end of a connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection

    def send(self, tag: bytes, body: bytes, *, deadline: float | None = None) -> None:
        """Send a frame before the deadline, a time of `time.monotonic`."""
        view = memoryview(HEAD.pack(tag, len(body)) + body)
        try:
            while view:
                self._until(deadline)
                view = view[self.socket.send(view[:CHUNK]) :]
        except TimeoutError:
            raise TimedOut from None
        except OSError:
            raise Closed from None

    def receive(self, *, deadline: float | None = None, largest: int = MAX_FRAME_BYTES) -> tuple[bytes, bytes]:
        """The next frame's tag and body."""
        tag, length = HEAD.unpack(self._exactly(HEAD.size, deadline))
        if tag not in TAGS or length > largest:
            raise Garbled(f"a frame {tag!r} of {length:,} bytes")
        return tag, self._exactly(length, deadline)

    def close(self) -> None:
        """Close this end."""
        self.socket.close()

    def _exactly(self, length: int, deadline: float | None) -> bytes:
        pieces = bytearray()
        try:
            while len(pieces) < length:
                self._until(deadline)
                piece = self.socket.recv(min(length - len(pieces), CHUNK))
                if not piece:
                    raise Closed
                pieces += piece
        except TimeoutError:
            raise TimedOut from None
        except OSError:
            raise Closed from None
        return bytes(pieces)

    def _until(self, deadline: float | None) -> None:
        """Let the next call on the socket wait until the deadline."""
        if deadline is None:
            self.socket.settimeout(None)
            return
        seconds_left = deadline - time.monotonic()
        if seconds_left <= 0:
            raise TimedOut
        self.socket.settimeout(seconds_left)
