"""A server of stories, as a real one on this machine."""

import threading
import time
from contextlib import contextmanager

from ports import free_port
from storyteller.export.html.about import About
from storyteller.serve.app import make_app

ABOUT = About(name="fox")


@contextmanager
def serving(teller, *, about=ABOUT, **options):
    """The application behind uvicorn, in a thread; gives a client."""
    import httpx
    import uvicorn

    port = free_port()
    app = make_app(*teller, about=about, **options)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join(60)


@contextmanager
def slowly(model):
    """Every pass of the model takes 20 ms more; gives a list that grows with each."""
    passes = []

    def wait(*_) -> None:
        passes.append(1)
        time.sleep(0.02)

    hook = model.register_forward_pre_hook(wait)
    try:
        yield passes
    finally:
        hook.remove()


def wait_until_idle(passes: list[int]) -> None:
    """Wait until the model makes no pass any more."""
    before, deadline = -1, time.monotonic() + 30
    while before != len(passes) and time.monotonic() < deadline:
        before = len(passes)
        time.sleep(0.5)
    assert before == len(passes)
