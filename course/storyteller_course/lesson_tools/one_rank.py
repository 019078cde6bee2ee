"""The processes of lesson 07: one that has loaded PyTorch, and its children, each of which is a rank of one call.

`ranks.in_processes` starts the first (python -m storyteller_course.lesson_tools.one_rank) and writes a
line to it for each call: a folder and the number of ranks. A child takes a function and its arguments out of the
folder, calls the function, and leaves the result there. The first process notes how each of its children has ended.
"""

import os
import pickle
import select
import sys
import time
import traceback
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from storyteller_course.lesson_tools.ranks import JOB, LOOK_S, OVER, GlooRank, rank_file

MEET_S = 240.0  # for all ranks of a call to be there


def main() -> None:
    """Start ranks as they are asked for, until whoever asks is gone."""
    torch.set_num_threads(1)
    children: dict[int, Path] = {}  # process -> where to note how it has ended
    while True:
        if select.select([sys.stdin], [], [], LOOK_S)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            name, _, count = line.rstrip("\n").rpartition(" ")
            folder, ranks = Path(name), int(count)
            for rank in range(ranks):
                child = os.fork()
                if child == 0:
                    be_a_rank(folder, rank, ranks)
                write(rank_file(folder, "pid", rank), str(child).encode())
                children[child] = rank_file(folder, "end", rank)
        while children:
            child, status = os.waitpid(-1, os.WNOHANG)
            if not child:
                break
            path = children.pop(child)
            if path.parent.is_dir():
                write(path, str(os.waitstatus_to_exitcode(status)).encode())


def be_a_rank(folder: Path, rank: int, ranks: int) -> None:
    """In a child: meet the others, call the function, and stay until all are done, for others may still wait."""
    for path, number in ((rank_file(folder, "said", rank), 1), (rank_file(folder, "errors", rank), 2)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    parent = os.getppid()
    try:
        store = dist.FileStore(str(folder / "store"), ranks)
        dist.init_process_group("gloo", store=store, rank=rank, world_size=ranks, timeout=timedelta(seconds=MEET_S))
        me = GlooRank(rank, ranks, rank_file(folder, "state", rank))
        job, args = pickle.loads((folder / JOB).read_bytes())
        result = ("value", job(me, *args))
        me.note("done")
    except BaseException as error:  # noqa: BLE001  # whatever the notebook's function does, the notebook says
        traceback.print_exc()
        result = ("error", f"{type(error).__name__}: {error}")
    sys.stdout.flush()
    sys.stderr.flush()
    write(rank_file(folder, "result", rank), pickle.dumps(result))
    while folder.is_dir() and not (folder / OVER).exists() and os.getppid() == parent:
        time.sleep(LOOK_S)
    os._exit(0)  # without a last meeting: some of the others may be gone


def write(path: Path, content: bytes) -> None:
    """A file that is there in full or not at all. Unlike `write_whole` it makes no folder: a call's may be over."""
    partial = path.with_name(f"{path.name}.partial")
    partial.write_bytes(content)
    partial.rename(path)


if __name__ == "__main__":
    main()
