"""`python -m shardwright` is the `shardwright` command."""

from shardwright.cli.main import run

run()
