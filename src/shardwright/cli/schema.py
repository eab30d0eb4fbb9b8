"""`shardwright schema`: the JSON schema of recipes, for editors and CI."""

from __future__ import annotations

import click

from shardwright.cli import options

__all__ = ["schema"]


@click.command(short_help="Print the JSON schema of recipes.")
@options.output("json", "yaml")
def schema(output: str) -> None:
    """Print the JSON schema of recipes."""
    from shardwright import registry
    from shardwright.cli.output import print_data
    from shardwright.core.recipe.schema import recipe_schema

    print_data(recipe_schema(engines=registry.ENGINES, targets=registry.TARGETS), output)
