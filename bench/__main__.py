"""Run the benchmarks: `python -m bench [bpe step moe generate rollouts story reward classroom ...] [--rounds 9]`.

Prints one table and writes the same as JSON into `bench/results/`. The goals are for reading, not for passing: a busy
machine misses them, so the exit code is 0 whatever the figures are. On a machine that is in use, compare ratios.
"""

import argparse
import importlib
import json
import os
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench.common import RESULTS, show
from storyteller.utils.openmp import sleep_while_waiting

PARTS = ("bpe", "step", "moe", "generate", "rollouts", "story", "reward", "classroom")


def main() -> None:
    """Parse the command line, run the parts one after the other, print and save."""
    sleep_while_waiting()  # the parts, imported below, import torch
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=list(PARTS), help="parts to run (all)")
    parser.add_argument("--rounds", type=int, default=9, help="how often each candidate is timed (9)")
    arguments = parser.parse_args()
    parts = arguments.parts or list(PARTS)
    if unknown := [part for part in parts if part not in PARTS]:
        parser.error(f"there is no part {unknown[0]!r}; choose from {', '.join(PARTS)}")
    console = Console()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
    console.print(f"{machine}; {arguments.rounds} rounds, interleaved, medians", highlight=False)
    report = {"machine": machine, "rounds": arguments.rounds, "parts": {}}
    RESULTS.mkdir(exist_ok=True)
    target = RESULTS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    for part in parts:
        rows = importlib.import_module(f"bench.{part}").run(rounds=arguments.rounds)
        show(console, part, rows)
        report["parts"][part] = [asdict(row) for row in rows]
        target.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    console.print(f"Written to {target.relative_to(Path.cwd()) if target.is_relative_to(Path.cwd()) else target}")


if __name__ == "__main__":
    main()
