"""Which runtime an InferenceService is served by: the one that it names, or that KServe would choose; of those at hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shardwright import errors
from shardwright.targets.kserve import components, releases, shipped

if TYPE_CHECKING:
    from shardwright.core.importing import Surroundings
    from shardwright.core.manifests.objects import Object

__all__ = ["may_serve", "runtime_of"]

_MODEL = (*components.PREDICTOR, "model")


def may_serve(main: Object) -> bool:
    """Whether a model by a runtime, or a container of the user's own, is what predicts."""
    found = [each.name for each in components.implementations(main, components.PREDICTOR)]
    return bool(found) and found[0] in {"model", "containers", "huggingface"}


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
        mark = main.mark((*_MODEL, "runtime"))
        raise errors.InputError(
            f"{mark.file}:{mark.line}: InferenceService {main.name} runs by the runtime {name}, which is not among the files",
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
