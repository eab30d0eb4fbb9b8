"""Which runtime an InferenceService is served by: the one that it names, or that KServe would choose; of those at hand."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.core.marked import secret_values
from shardwright.targets.kserve import components, releases, shipped

if TYPE_CHECKING:
    from shardwright.core.importing import Surroundings
    from shardwright.core.manifests.objects import Object
    from shardwright.core.marked.paths import Path

__all__ = ["as_model", "check_kind", "no_engine", "runtime_of"]

_MODEL = (*components.PREDICTOR, "model")
_OLDER = "huggingface"


def check_kind(main: Object) -> None:
    """InputError where something else predicts than a model by a runtime, or a container of the user's own."""
    found = [each.name for each in components.implementations(main, components.PREDICTOR)]
    if not found or found[0] not in {"model", "containers", _OLDER}:
        what = found[0] if found else "nothing"
        raise errors.InputError(
            f"{_place(main, components.PREDICTOR)}: InferenceService {main.name} predicts with {what}, no engine of a recipe",
            hint="a recipe is of a model behind spec.predictor.model with a runtime that starts an engine",
        )


def as_model(main: Object) -> Object:
    """The service with the older field `huggingface` as the model that the webhook makes of it."""
    own = main.map_at(*components.PREDICTOR, _OLDER)
    predictor = main.map_at(*components.PREDICTOR)
    if not own or "model" in predictor:
        return main
    model = {**own, "modelFormat": {"name": _OLDER}}
    kept = {name: value for name, value in predictor.items() if name != _OLDER}
    spec = {**main.map_at("spec"), "predictor": {**kept, "model": model}}
    return dataclasses.replace(main, value={**main.value, "spec": spec})


def no_engine(main: Object, image: str) -> errors.InputError:
    """What is said of a service whose container starts something else."""
    kind = main.text_at(*_MODEL, "modelFormat", "name")
    shown = secret_values.shown(image or kind or "no image")
    return errors.InputError(
        f"{_place(main, _MODEL)}: InferenceService {main.name} runs {shown}, in which no engine starts that is known",
        hint="an engine is known by its command in the runtime or the service; a recipe has no other servers",
    )


def _place(main: Object, path: Path) -> str:
    mark = main.mark(path)
    return f"{mark.file}:{mark.line}"


def runtime_of(main: Object, surroundings: Surroundings) -> tuple[Object | None, bool]:
    """The runtime, and whether it is among the objects; InputError for one that is neither there nor known."""
    if not isinstance(main.get(*_MODEL), dict):
        return None, False
    name = main.text_at(*_MODEL, "runtime")
    found = _named(main, surroundings, name) if name else _fitting(main, surroundings)
    if found is not None:
        return found, True
    is_group = components.has_workers(main)
    known = shipped.shipped_runtime(main, releases.release_named(surroundings.version), is_group=is_group)
    if known is None and name:
        raise errors.InputError(
            f"{_place(main, (*_MODEL, 'runtime'))}: InferenceService {main.name} runs by the runtime {name}, which is not among the files",
            hint=f"import it too: kubectl get servingruntime {name} -n {main.namespace or 'default'} -o yaml, or clusterservingruntime",
        )
    return known, False


def _named(main: Object, surroundings: Surroundings, name: str) -> Object | None:
    """The runtime of that name, of the service's own namespace before one of the cluster."""
    own = [each for each in surroundings.of_kind("ServingRuntime") if each.name == name]
    near = [each for each in own if main.namespace in {"", each.namespace} or not each.namespace]
    return next(
        iter([*near, *(each for each in surroundings.of_kind("ClusterServingRuntime") if each.name == name)]), None
    )


def _fitting(main: Object, surroundings: Surroundings) -> Object | None:
    """The runtime that KServe would choose among those at hand: of the model's format, for as many nodes."""
    wanted = main.text_at(*_MODEL, "modelFormat", "name")
    for kind in components.RUNTIMES:
        for each in surroundings.of_kind(kind):
            formats = [
                cast("dict[str, Any]", one)
                for one in each.list_at("spec", "supportedModelFormats")
                if isinstance(one, dict)
            ]
            is_chosen = any(one.get("name") == wanted and one.get("autoSelect") is not False for one in formats)
            if is_chosen and components.has_workers(each) == components.has_workers(main):
                return each
    return None
