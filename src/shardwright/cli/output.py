"""Data as JSON or YAML on standard output."""

from __future__ import annotations

import json

import click

__all__ = ["print_data"]


def print_data(data: object, form: str) -> None:
    """Print a tree of JSON values as `json` or `yaml`."""
    if form == "json":
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    import yaml

    click.echo(yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110), nl=False)
