"""How much works at once: the cores of this machine, and the workers of a Dask cluster."""

import os
from typing import Any

from storyteller.errors import StorytellerError, first_line, optional_import


def available_cores() -> int:
    """The cores that this process may use, which a container or a batch system may have limited."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def dask_client(address: str, *, timeout: float, otherwise: str) -> tuple[Any, int]:
    """A client of a Dask scheduler, and how many tasks its workers can take at once.

    Args:
        address: such as `tcp://10.0.0.5:8786`.
        timeout: seconds for the scheduler to answer.
        otherwise: what to do without a cluster, as the end of a sentence.

    Raises:
        StorytellerError: Dask is not installed, no scheduler answers, or it has no worker.
    """
    distributed = optional_import("distributed", extra="cluster")
    try:
        distributed.comm.get_address_host_port(address)  # a client that cannot read its address takes long to give up
        client = distributed.Client(address, timeout=timeout, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise StorytellerError(
            f"No Dask scheduler answers at {address} ({first_line(error)}): start one with `dask scheduler` and give "
            f"the address that it names, or {otherwise}."
        ) from None
    if threads := sum(client.nthreads().values()):
        return client, threads
    client.close(timeout=1)
    raise StorytellerError(
        f"The Dask scheduler at {address} has no worker: start some with `dask worker {address} --nthreads 1 "
        "--nworkers N`, where storyteller is installed."
    )
