"""`shardwright completion`: the script that a shell evaluates to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from shardwright.cli.main import cli

__all__ = ["completion"]


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash:  source <(shardwright completion bash)
    zsh:   source <(shardwright completion zsh)
    fish:  shardwright completion fish | source
    """
    completer = get_completion_class(shell)
    if completer is None:
        raise click.UsageError(f"no completion for {shell}")
    click.echo(completer(cli, {}, "shardwright", "_SHARDWRIGHT_COMPLETE").source())
