"""`shardwright engine`: install, list and remove engines that run on this machine without a GPU."""

from __future__ import annotations

import click

from shardwright.cli import options

__all__ = ["engine"]


@click.group(short_help="Install, list and remove engines for this machine.")
def engine() -> None:
    """Engines for rehearsals and for serving on CPUs, each in an environment of its own."""


@engine.command("install")
@click.argument("name", default="vllm")
@click.option("--version", "version", help="Version to install; the newest known if omitted.")
def install(name: str, version: str | None) -> None:
    """Install the engine NAME (vllm). A second call finds it done; a call after a failure goes on where it stopped."""
    from shardwright import units
    from shardwright.service import engines
    from shardwright.settings import load_settings

    build = engines.build_of(name, version)
    click.echo(f"{build.engine} {build.version}: up to {units.format_bytes(build.disk_bytes)} on disk", err=True)
    environment = engines.install_engine(name, version, load_settings(), report=lambda line: click.echo(line, err=True))
    click.echo(f"{environment.engine} {environment.version} ({environment.device}) is ready in {environment.folder}")


@engine.command("list")
@options.output("table", "json", "yaml", "name")
def list_(output: str) -> None:
    """List the engines installed here."""
    from shardwright.cli.output import print_data
    from shardwright.cli.tables import table
    from shardwright.service import engines
    from shardwright.settings import load_settings

    found = engines.list_engines(load_settings())
    if output in {"json", "yaml"}:
        keys = ("engine", "version", "device", "folder")
        rows = [{key: getattr(one, key) for key in keys} | {"torchSource": one.torch_source} for one in found]
        print_data(rows, output)
    elif output == "name":
        for one in found:
            click.echo(f"engine/{one.engine}-{one.version}")
    elif found:
        rows = [(one.engine, one.version, one.device, one.torch_source, one.folder) for one in found]
        click.echo(table(("ENGINE", "VERSION", "DEVICE", "TORCH FROM", "FOLDER"), rows))
    else:
        click.echo("no engine is installed here; install one: shardwright engine install", err=True)


@engine.command("remove")
@click.argument("name", default="vllm")
@click.option("--version", "version", help="Version to remove; the newest known if omitted.")
def remove(name: str, version: str | None) -> None:
    """Remove the engine NAME and free its disk space."""
    from shardwright import units
    from shardwright.service import engines
    from shardwright.settings import load_settings

    freed_bytes = engines.remove_engine(name, version, load_settings())
    click.echo(f"removed {name}; {units.format_bytes(freed_bytes)} freed")
