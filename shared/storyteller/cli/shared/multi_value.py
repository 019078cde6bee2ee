"""Options that take several values after one flag: `--datasets tinystories writingprompts`."""

from collections.abc import Sequence
from typing import Any

import typer


def repeat_flags(arguments: Sequence[str], flags: Sequence[str]) -> list[str]:
    """Write the flag before each of its values, which is the form that click reads.

    >>> repeat_flags(["--datasets", "a", "b", "--out", "data"], ["--datasets"])
    ['--datasets', 'a', '--datasets', 'b', '--out', 'data']
    """
    repeated: list[str] = []
    flag = ""  # the one whose values are being read
    values = 0
    for position, argument in enumerate(arguments):
        if argument == "--":
            return repeated + list(arguments[position:])
        if argument.startswith("-") and argument != "-":
            flag, values = argument if argument in flags else "", 0
            repeated.append(argument)
            continue
        if flag and values:
            repeated.append(flag)
        values += 1
        repeated.append(argument)
    return repeated


class ManyValues(typer.core.TyperCommand):
    """A command whose list options take several values after one flag. Register it with `cls=ManyValues`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Spread the values of every option that may be given several times."""
        flags = [name for option in self.params if getattr(option, "multiple", False) for name in option.opts]
        return super().parse_args(ctx, repeat_flags(args, flags))
