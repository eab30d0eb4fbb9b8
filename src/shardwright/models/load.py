"""Whatever `model.source` names becomes a shape: which place to ask, and what stands in when the hub does not answer."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from shardwright import errors
from shardwright.core.recipe import source as sources
from shardwright.core.shape import shape_of
from shardwright.facts import load as facts
from shardwright.models import directory

if TYPE_CHECKING:
    from shardwright.core.shape import ModelShape
    from shardwright.facts.load import CatalogueModel
    from shardwright.models.hub_errors import HubModel
    from shardwright.settings import HubSettings

__all__ = ["load_shape"]


def load_shape(
    source: str, *, revision: str | None = None, token: str | None = None, settings: HubSettings
) -> ModelShape:
    """The shape of the model at `source`: a directory, `hf://owner/name` or a name in the catalogue.

    Without `token` the hub's library looks in the usual places. A model of the catalogue stands in where the hub is out
    of reach or wants a licence accepted first; `source` and `notes` of the shape then say so.
    """
    try:
        parsed = sources.parse_source(source)
    except sources.SourceError as error:
        raise errors.InputError(f"model.source: {error}", hint=error.hint) from error
    if parsed.scheme == "name":
        return _local_shape(parsed.place)
    if parsed.scheme == "hf":
        return _hub_shape(parsed.place, revision, token, settings)
    raise errors.InputError(
        f"model.source: {source} cannot be read from this machine, so its shape is not known",
        hint="say where it can be read: model.shape: a directory with its config.json, hf://owner/name, or a catalogue name",
    )


def _local_shape(place: str) -> ModelShape:
    path = _at_home(place)
    if place.startswith((".", "~", "/")) or path.is_absolute():
        return directory.load_directory(path)
    try:
        return _catalogue_shape(facts.catalogue_model(place))
    except errors.NotFound as error:
        if os.path.isdir(path):  # noqa: PTH112 - says no where pathlib raises
            return directory.load_directory(path)
        if "/" not in place:
            raise errors.NotFound(f"model.source: {error.message}", hint=error.hint) from error
        hint = f"on the hub it would be hf://{place}" if place.count("/") == 1 else error.hint
        message = f"model.source: there is no folder {place!r}, and no model of that name in the catalogue"
        raise errors.NotFound(message, hint=hint) from error


def _at_home(place: str) -> Path:
    """The path with `~` replaced; NotFound for a user that the system does not know."""
    try:
        return Path(place).expanduser()
    except RuntimeError as error:
        raise errors.NotFound(
            f"model.source: {place}: there is no such home directory", hint="write the path in full"
        ) from error


def _catalogue_shape(model: CatalogueModel) -> ModelShape:
    return shape_of(model.config, name=model.name, source=f"the built-in catalogue ({model.source})")


def _hub_shape(repository: str, revision: str | None, token: str | None, settings: HubSettings) -> ModelShape:
    from shardwright.models import hub, hub_errors  # noqa: PLC0415 - plans of local models need none of it

    model = hub_errors.HubModel(repository, revision, settings.endpoint, token)
    hub_errors.check_environment(model)
    try:
        if not settings.offline:
            return hub.fetch_shape(model)
        error: errors.ShardwrightError = hub_errors.offline(model)
    except (errors.AccessError, errors.TemporaryError, errors.EnvironmentFault) as refused:
        error = refused
    return _stand_in(hub.cached_shape(model), model, error)


def _stand_in(cached: ModelShape | None, model: HubModel, error: errors.ShardwrightError) -> ModelShape:
    """The local copy, else the catalogue's entry, with a note that says so; else the error itself."""
    note = f"the hub was not read: {error.message}"
    if cached is not None:
        return replace(cached, notes=(*cached.notes, note))
    try:
        known = facts.catalogue_model(model.repository)
    except errors.NotFound:
        raise error from error.__cause__
    shape = _catalogue_shape(known)
    if model.revision:
        note = f"{note}; the catalogue knows no revisions, {model.revision} was not looked at"
    return replace(shape, source=f"{shape.source}, in place of {model.source}", notes=(*shape.notes, note))
