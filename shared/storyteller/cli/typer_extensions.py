"""What our commands add to typer: errors in one sentence, options with several values, those of time and sampling."""

import functools
import inspect
import math
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Annotated, Any

import typer

from storyteller.errors import StorytellerError, require
from storyteller.inference.sampling_options import SAMPLING_OPTIONS, SamplingOption
from storyteller.utils.entry_point import STOPPED

Command = Callable[..., None]


def run_app(app: typer.Typer, arguments: Sequence[str] | None, *, name: str) -> None:
    """Run one command of the program `name`; what the user can mend is said in one sentence, with exit code 2.

    Args:
        app: the program's commands.
        arguments: what was typed behind its name; None takes it from the command line.
        name: of the program; the sentence begins with it.
    """
    try:
        app(args=None if arguments is None else list(arguments))
        return
    except StorytellerError as error:
        sentence = str(error)
    except OSError as error:
        if error.filename is None:  # no place that the user could have named
            raise
        reason = error.strerror or type(error).__name__
        sentence = (
            f"{error.filename} cannot be used ({reason}); name another place, or see that you may read and write it."
        )
    print(f"{name}: {sentence}", file=sys.stderr)
    sys.exit(2)


class Interruptible(typer.core.TyperGroup):
    """The commands of an app. Where a command does not say itself what Ctrl-C leaves behind, this does.

    Typer alone ends with exit code 130 and without a word.
    """

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Read what was typed."""
        try:
            return super().make_context(*args, **kwargs)
        except KeyboardInterrupt:
            raise StorytellerError(STOPPED) from None

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


def seconds_of(minutes: float | None, *, steps: int | None = None) -> float | None:
    """What `--minutes` gives a command, in seconds; None where it is left out.

    Raises:
        StorytellerError: that is no time, or `--steps` is given too.
    """
    if minutes is None:
        return None
    require(0 < minutes * 60 < math.inf, f"--minutes is {minutes:g}: it must be a number above 0.")
    require(steps is None, "--minutes and --steps both say how long to train: leave one of them out.")
    return minutes * 60


def whole_text(text: str | list[str] | None) -> str | list[str] | None:
    """Callback of an option or argument that takes text: pass it on, unless bytes of it are no UTF-8.

    The shell's bytes are kept as lone surrogates, which no tokenizer can read.

    Raises:
        StorytellerError: there are such bytes.
    """
    for one in [text] if isinstance(text, str) else text or ():
        if any("\ud800" <= character <= "\udfff" for character in one):
            raise StorytellerError(
                f"The text {one!r} holds bytes that are not UTF-8: type it anew, in a terminal that is set to UTF-8 "
                "(such as LANG=C.UTF-8), or leave them out."
            )
    return text


OWN = "the run's own"  # as `inference.generation_config` reads it


def with_sampling_options(*, repeatable: Collection[str] = ()) -> Callable[[Command], Command]:
    """Decorator: replace a command's keyword argument `settings` by an option for every field of `Sampling`.

    The command receives `settings`, field -> value, with the fields that were given; the others are for the run to say.
    Typer reads a command's options from its signature, so the decorated function has one parameter for each field, in
    the place of `settings`.

    Args:
        repeatable: fields whose option may be given several times; their values are lists.
    """

    def parameter(option: SamplingOption) -> inspect.Parameter:
        kind: Any = option.kind
        text = option.help
        if option.name in repeatable:
            kind, text = list[kind], f"{text}; several, to compare"
        names = (f"--{option.name}",) if option.kind is bool else ()  # a flag, without its opposite
        return inspect.Parameter(
            option.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=Annotated[kind | None, typer.Option(*names, help=text, show_default=OWN)],
        )

    options = {option.name: parameter(option) for option in SAMPLING_OPTIONS.values()}

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_settings(*args: Any, **kwargs: Any) -> None:
            given = {name: value for name in options if (value := kwargs.pop(name, None)) is not None}
            ignored = [f"--{name.replace('_', '-')}" for name in given if SAMPLING_OPTIONS[name].greedy_ignores]
            if given.get("greedy") and ignored:
                raise StorytellerError(
                    f"--greedy draws nothing, so there is no use for {', '.join(ignored)}: leave out one or the other."
                )
            command(*args, settings=given, **kwargs)

        signature = inspect.signature(command)
        parameters: list[inspect.Parameter] = []
        for each in signature.parameters.values():
            parameters += options.values() if each.name == "settings" else [each]
        with_settings.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return with_settings

    return decorate
