"""What our commands add to typer: Ctrl-C in one sentence, options with several values, and the options of sampling."""

import functools
import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any

import typer

from storyteller.errors import StorytellerError
from storyteller.inference.sampling_options import SAMPLING_OPTIONS, SamplingOption

Command = Callable[..., None]


class Interruptible(typer.core.TyperGroup):
    """The commands of an app. Where a command does not say itself what Ctrl-C leaves behind, this does.

    Typer alone ends with exit code 130 and without a word.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise StorytellerError(
                "stopped by Ctrl-C; what was finished is kept, and the same command begins again."
            ) from None


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


def with_sampling_options(*, repeatable: Collection[str] = (), **defaults: Any) -> Callable[[Command], Command]:
    """Decorator: replace a command's keyword argument `settings` by an option for every field of `Sampling`.

    The command receives `settings`, field -> value, with all of the fields. Typer reads a command's options from its
    signature, so the decorated function has one parameter for each field, in the place of `settings`.

    Args:
        repeatable: fields whose option may be given several times; their values are lists, or None where not given.
        defaults: what differs from `Sampling`'s own defaults.
    """

    def parameter(option: SamplingOption) -> inspect.Parameter:
        kind: Any = option.kind
        text = option.help
        default = defaults.get(option.name, option.default)
        if option.name in repeatable:
            kind, text, default = list[kind] | None, f"{text}; several, to compare", None
        elif option.nullable:
            kind = kind | None
        names = (f"--{option.name}",) if option.kind is bool else ()  # a flag, without its opposite
        return inspect.Parameter(
            option.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=Annotated[kind, typer.Option(*names, help=text)],
        )

    options = {option.name: parameter(option) for option in SAMPLING_OPTIONS.values()}

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_settings(*args: Any, **kwargs: Any) -> None:
            settings = {name: kwargs.pop(name, option.default) for name, option in options.items()}
            command(*args, settings=settings, **kwargs)

        signature = inspect.signature(command)
        parameters: list[inspect.Parameter] = []
        for each in signature.parameters.values():
            parameters += options.values() if each.name == "settings" else [each]
        with_settings.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return with_settings

    return decorate
