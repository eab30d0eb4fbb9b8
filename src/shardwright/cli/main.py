"""The `shardwright` command: its subcommands, how errors leave it, and with which exit code.

Subcommands are imported when they are used: `--help` reads only the table below.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from typing import TYPE_CHECKING, NoReturn

import click

from shardwright import __version__, errors

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["COMMANDS", "cli", "run", "unforeseen"]

COMMANDS: dict[str, tuple[str, str]] = {
    "plan": ("shardwright.cli.plan:plan", "Does it fit? Memory rank by rank, the layout and the reasons."),
    "init": ("shardwright.cli.init:init", "Write a recipe for a model."),
    "render": ("shardwright.cli.render:render", "Write the manifests of a recipe."),
    "import": ("shardwright.cli.import_:import_", "Make a recipe of manifests, and list what it does not carry."),
    "check": ("shardwright.cli.check:check", "Does the cluster have what a recipe needs?"),
    "lint": ("shardwright.cli.lint:lint", "Judge manifests, whoever wrote them."),
    "rules": ("shardwright.cli.rules:rules", "Explain rules and findings."),
    "rehearse": ("shardwright.cli.rehearse:rehearse", "Run the layout here with the real engine and a shrunken model."),
    "apply": ("shardwright.cli.apply:apply", "Start a recipe on its target."),
    "status": ("shardwright.cli.status:status", "What runs, and how far its start-up is."),
    "watch": ("shardwright.cli.watch:watch", "Follow a deployment as it changes."),
    "logs": ("shardwright.cli.logs:logs", "Logs of all members, or of one."),
    "chat": ("shardwright.cli.chat:chat", "Ask a served model."),
    "port-forward": ("shardwright.cli.port_forward:port_forward", "A port of this machine that leads to a deployment."),
    "diff": ("shardwright.cli.diff:diff", "What an apply would change."),
    "history": ("shardwright.cli.history:history", "The revisions of a deployment."),
    "rollback": ("shardwright.cli.rollback:rollback", "Back to an earlier revision."),
    "delete": ("shardwright.cli.delete:delete", "End a deployment and remove what belongs to it."),
    "model": ("shardwright.cli.model:model", "Show a model's shape: parameters, layers, weights, cache."),
    "gpu": ("shardwright.cli.gpu:gpu", "Show the catalogue of GPUs and nodes."),
    "calibrate": ("shardwright.cli.calibrate:calibrate", "Learn from what an engine printed."),
    "engine": ("shardwright.cli.engine:engine", "Install, list and remove engines for this machine."),
    "schema": ("shardwright.cli.schema:schema", "Print the JSON schema of recipes."),
    "completion": ("shardwright.cli.completion:completion", "Print the completion script of a shell."),
}

EXIT_INTERRUPTED = 130
_REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM, errno.EROFS}


class LazyGroup(click.Group):
    """A group that imports a subcommand when it is called; its help lines come from `COMMANDS`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of the table, which is the order of use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand, imported now; None lets click say that there is none."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        return getattr(importlib.import_module(module), attribute)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown command names its nearest neighbour."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            ctx.fail(_unknown_command(name))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The list of subcommands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _unknown_command(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else f"; there are: {', '.join(COMMANDS)}"
    return f"no command {name!r}{meant}"


def unforeseen(problem: Exception) -> str:
    """What to say of an error that is none of ours: the machine's, if it refused space or access, else a bug."""
    if isinstance(problem, OSError) and problem.errno in _REFUSALS:
        if problem.filename is None:  # printing names no file: it went to `> FILE`
            return f"the output cannot be written: {problem.strerror}"
        hint = "check its owner, its permissions and the free space, and that HOME is yours"
        return f"{problem.filename} cannot be used: {problem.strerror}\n  {hint}"
    return (
        f"internal error: {type(problem).__name__}: {problem}\n"
        "  this is a bug; run again with --debug and report what it shows"
    )


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "-V", "--version", message="shardwright %(version)s")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
def cli(*, debug: bool) -> None:
    """Plan, render, rehearse and run one large model over many GPUs and many nodes.

    \b
    Exit codes: 0 done, 1 failed or declined, 2 usage or invalid recipe, 3 no layout fits,
    4 findings of severity error, 5 differences found, 124 timed out, 130 interrupted.
    """


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; no traceback reaches a user unless `--debug` is given."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in argv
    # Accepted anywhere, as people add it to the end of the line that failed.
    argv = [argument for argument in argv if argument != "--debug"]
    try:
        code = cli.main(args=argv, prog_name="shardwright", standalone_mode=False)
    except click.exceptions.Exit as leaving:
        code = leaving.exit_code
    except click.ClickException as problem:
        problem.show(sys.stderr)
        code = problem.exit_code
    except errors.ShardwrightError as problem:
        if debug:
            raise
        click.echo(f"shardwright: {problem}", err=True)
        code = problem.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("shardwright: interrupted", err=True)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader has gone (`| head`); what is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as problem:  # the border: whatever comes here is a bug of ours
        if debug:
            raise
        code = 1
        if isinstance(problem.__cause__, KeyboardInterrupt):  # Python 3.11 wraps one that came while it made a class
            click.echo("shardwright: interrupted", err=True)
            code = EXIT_INTERRUPTED
        else:
            click.echo(f"shardwright: {unforeseen(problem)}", err=True)
    sys.exit(code or 0)
