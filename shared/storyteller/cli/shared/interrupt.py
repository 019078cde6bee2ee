"""Ctrl-C: one sentence and exit code 2, in every command."""

from typing import Any

import typer

from storyteller.errors import StorytellerError


class Interruptible(typer.core.TyperGroup):
    """The commands of an app. Where a command does not say itself what Ctrl-C leaves behind, this does.

    By itself the framework ends with exit code 130 and without a word.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise StorytellerError(
                "stopped by Ctrl-C; what was finished is kept, and the same command begins again."
            ) from None
