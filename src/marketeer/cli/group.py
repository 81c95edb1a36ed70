"""A command with commands of its own, such as `marketeer skills list`: what is common to all of them."""

from __future__ import annotations

import difflib
from typing import Any

import typer
from typer.core import TyperGroup

from marketeer.domain.errors import UsageError


class CommandGroup(TyperGroup):
    """Answers a mistyped command as the main one does. An option in front of a command belongs behind it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        path, name = f"marketeer {self.name}", args[0]
        if name not in self.commands and not name.startswith("-"):
            near = difflib.get_close_matches(name, self.commands, n=1)
            hint = f"did you mean `{path} {near[0]}`?" if near else f"choose one of {', '.join(self.commands)}"
            msg = f"no command {f'{self.name} {name}'!r}; {hint}"
            raise UsageError(msg)
        if any(ctx.params.values()):
            msg = f"options stand behind the command: `{path} {name} ...`, then --workspace or --json"
            raise UsageError(msg)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer's signature
        """Whole summaries, where typer would cut them."""
        with formatter.section("Commands"):
            rows = [(name, (command.help or "").partition("\n")[0]) for name, command in self.commands.items()]
            formatter.write_dl(rows)


def command_group(name: str, summary: str) -> typer.Typer:
    """An empty group; its callback runs when it is called alone."""
    return typer.Typer(
        cls=CommandGroup,
        name=name,
        help=summary,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
