"""What an imported recipe renders, against the objects that it was made of: every difference, after defaults.

Objects are matched by kind and name, then by kind alone, and the one that stands for the deployment by its place. Left out
are what a server writes (status, uid ...), what `kubectl apply` keeps for itself, and the digest of the recipe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from shardwright import errors, registry
from shardwright.core.importing import note
from shardwright.core.manifests import admission
from shardwright.core.manifests.differences import ABSENT, Difference, differences
from shardwright.core.manifests.objects import Context
from shardwright.core.marked import paths, secret_values
from shardwright.core.plan.types import Plan
from shardwright.kubernetes import object_defaults
from shardwright.kubernetes.render import labels
from shardwright.service import deploying, planning, rendering
from shardwright.values import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from shardwright.core.deployment import Deployment
    from shardwright.core.manifests.objects import Object, Value
    from shardwright.core.plan.types import Infeasible
    from shardwright.core.plugins import Manifest
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules.finding import Finding
    from shardwright.service.recipes import LoadedRecipe
    from shardwright.settings import HubSettings

__all__ = ["Compared", "Told", "compare", "holds_secret", "shown"]

_SERVERS = frozenset(
    {"creationTimestamp", "uid", "resourceVersion", "generation", "managedFields", "selfLink", "ownerReferences"}
)
_KEPT_BY_OTHERS = frozenset(
    {labels.DIGEST, "kubectl.kubernetes.io/last-applied-configuration", "deployment.kubernetes.io/revision"}
)
_MOST_RANKS = 4096
"""A manifest may say any size; a plan of so many ranks takes seconds."""
_HIDDEN = "(a secret, not shown)"


@frozen
class Told:
    """One difference of one object."""

    kind: str
    name: str
    """Of the object as it was imported; as it is rendered where nothing was imported."""
    difference: Difference
    rendered_name: str = ""
    kind_rendered: str = ""
    """Where it is rendered as another kind."""
    reason: str = ""
    """Why no patch can take it away; empty where one can or was not asked for."""


@frozen
class Compared:
    """What was compared."""

    is_done: bool
    differences: tuple[Told, ...] = ()
    findings: tuple[Finding, ...] = ()
    deployment: Deployment | None = None
    manifests: tuple[Manifest, ...] = ()


def compare(loaded: LoadedRecipe | None, originals: Sequence[Object], settings: HubSettings) -> Compared:
    """All differences; where the recipe cannot be planned or rendered, the reason as a finding."""
    if loaded is None:
        return _not_done("the recipe could not be read, see above", "")
    if _ranks(loaded.recipe) > _MOST_RANKS:
        return _not_done(f"it spans more than {_MOST_RANKS} GPUs or nodes", "is this size meant?")
    try:
        plan = planning.plan_recipe(loaded.recipe, settings)
        if not isinstance(plan, Plan):
            return _not_done(_reasons(plan), "change what does not fit; shardwright plan -f RECIPE shows the numbers")
        target = deploying.target_of(plan)
        deployment = deploying.deployment_of(plan, target)
        manifests = rendering.render(deployment, target)
    except errors.ShardwrightError as error:
        message = (
            f"{error.path}: {error.message}" if isinstance(error, errors.InputError) and error.path else error.message
        )
        return _not_done(message, error.hint or _fix_of(error))
    platform = target.kind
    version = loaded.recipe.target.version if loaded.recipe.target and loaded.recipe.target.version else ""
    told: list[Told] = []
    for original, manifest in _pairs(originals, manifests):
        told.extend(_compare_pair(original, manifest, Context(versions={platform: version} if version else {})))
    return Compared(is_done=True, differences=tuple(told), deployment=deployment, manifests=manifests)


def _ranks(recipe: Recipe) -> int:
    """The largest of what one replica counts: ranks, nodes, GPUs of a node."""
    sizes = recipe.parallelism
    world = 1 if sizes == "auto" else sizes.tensor * sizes.pipeline * sizes.data
    nodes = recipe.hardware.nodes if isinstance(recipe.hardware.nodes, int) else 1
    return max(world, nodes, recipe.hardware.gpus_per_node or 1)


def _fix_of(error: errors.ShardwrightError) -> str:
    return (
        "" if isinstance(error, errors.RecipeError) else "give --model DIR, hf://OWNER/NAME or a name of the catalogue"
    )


def _not_done(message: str, fix: str) -> Compared:
    text = f"nothing was compared: the recipe cannot be rendered as it is: {message}"
    return Compared(is_done=False, findings=(note("not-compared", text, fix=fix),))


def _reasons(found: Infeasible) -> str:
    return "; ".join(found.reasons[:3]) or "no layout fits"


def _pairs(
    originals: Sequence[Object], manifests: Sequence[Manifest]
) -> Iterator[tuple[Object | None, Manifest | None]]:
    """Objects and manifests that are the same thing; None on the side that has none."""
    free = list(manifests)
    found: dict[int, Manifest] = {}
    for is_fit in _FITS:
        for place, original in enumerate(originals):
            is_free = place not in found
            match = next((each for each in free if is_free and is_fit(original, each, place)), None)
            if match is not None:
                found[place] = match
                free.remove(match)
    for place, original in enumerate(originals):
        yield original, found.get(place)
    for manifest in free:
        yield None, manifest


def _is_same(one: Object, other: Manifest, place: int) -> bool:
    del place
    return (one.kind, one.name) == (other.kind, other.name)


def _is_main(one: Object, other: Manifest, place: int) -> bool:
    """The object that stands for the deployment, as another kind of the same name."""
    is_beside = other.kind in {"Job", "Service", "PersistentVolumeClaim", "Ingress", "HTTPRoute", "Route"}
    return place == 0 and one.name == other.name and not is_beside


def _is_of_kind(one: Object, other: Manifest, place: int) -> bool:
    del place
    return one.kind == other.kind


_FITS: tuple[Callable[[Object, Manifest, int], bool], ...] = (_is_same, _is_main, _is_of_kind)


def _compare_pair(original: Object | None, manifest: Manifest | None, context: Context) -> Iterator[Told]:
    if original is None and manifest is not None:
        yield Told(manifest.kind, manifest.name, Difference("", (), ABSENT, dict(manifest.body)), manifest.name)
    elif manifest is None and original is not None:
        kind, name = (secret_values.shown_key(text) for text in (original.kind, original.name))
        yield Told(kind, name, Difference("", (), dict(original.value), ABSENT))
    elif original is not None and manifest is not None:
        ours, dropped = _prepared(dict(original.value), context)
        theirs, _ = _prepared(cast("dict[str, Value]", dict(manifest.body)), context)
        for each in (*differences(ours, theirs), *dropped):
            other_kind = manifest.kind if manifest.kind != original.kind else ""
            kind, name = (secret_values.shown_key(text) for text in (original.kind, original.name))
            yield Told(kind, name, each, manifest.name, other_kind)


def _prepared(body: dict[str, Value], context: Context) -> tuple[dict[str, Any], list[Difference]]:
    """An object after defaults, without what is no matter of a recipe; and the fields that an API server would drop."""
    platforms = registry.load_platforms()
    dropped: list[Difference] = []
    value: Mapping[str, Any] = body
    for platform in platforms:
        kind = platform.schema().kind_of(str(body.get("apiVersion")), str(body.get("kind")))
        if kind is not None:
            pruned: admission.Pruned = []
            at = context.versions.get(platform.name, platform.versions[-1])
            value = platform.mutate(admission.admitted(body, kind.type, platform.schema().at(at), pruned), context)
            dropped = [Difference(paths.path_text(path), (), _at(body, path), ABSENT) for path, _ in pruned]
            break
    made = object_defaults.with_defaults(value)
    head = made.get("metadata")
    if isinstance(head, dict):
        made["metadata"] = _head(cast("dict[str, Any]", head))
    if made.get("kind") == "Template" and isinstance(made.get("objects"), list):
        made["objects"] = [_held(each) for each in cast("list[Any]", made["objects"])]
    return made, dropped


def _held(each: object) -> object:
    """An object of a Template, less what is left out of every object."""
    if not isinstance(each, dict):
        return each
    held = cast("dict[str, Any]", each)
    head = held.get("metadata")
    return {**held, "metadata": _head(cast("dict[str, Any]", head))} if isinstance(head, dict) else held


def _head(metadata: dict[str, Any]) -> dict[str, Any]:
    made = {name: each for name, each in metadata.items() if name not in _SERVERS}
    annotations = made.get("annotations")
    if isinstance(annotations, dict):
        kept = {name: text for name, text in cast("dict[str, Any]", annotations).items() if name not in _KEPT_BY_OTHERS}
        made = (
            {**made, "annotations": kept} if kept else {key: each for key, each in made.items() if key != "annotations"}
        )
    return made


def _at(tree: object, path: paths.Path) -> object:
    for part in path:
        tree = cast("Any", tree)[part]
    return tree


def shown(told: Told) -> tuple[object, object]:
    """Both values of a difference to be shown: secrets are hidden, ABSENT stays."""
    name = _name_of(told)
    return _masked(told.difference.original, name), _masked(told.difference.rendered, name)


def holds_secret(told: Told) -> bool:
    """Whether a secret in clear text stands in what was imported."""
    return shown(told)[0] != told.difference.original


def _name_of(told: Told) -> str:
    """The variable in whose value a difference lies; the last field elsewhere."""
    path = told.difference.path
    if path.endswith("].value"):
        return path.rpartition("[name=")[2].removesuffix("].value")
    name = path.rpartition(".")[2]
    return name if secret_values.is_secret_name(name) and "secretKeyRef" not in path else ""


def _masked(value: object, name: str = "") -> object:
    """A value to be shown: texts that are secrets, or stand under a secret's name, are hidden."""
    if isinstance(value, dict):
        held = cast("dict[str, object]", value)
        own = str(held.get("name") or "")
        return {key: _masked(each, own if key == "value" and own else key) for key, each in held.items()}
    if isinstance(value, list):
        return _masked_words(cast("list[object]", value))
    if isinstance(value, str) and (
        secret_values.has_hub_token(value) or (secret_values.is_secret_name(name) and name not in {"secret", "key"})
    ):
        return _HIDDEN
    return value


def _masked_words(words: list[object]) -> list[object]:
    """Words of a command: what follows a secret's flag is hidden too."""
    made: list[object] = []
    flag = ""
    for word in words:
        name, equals, _ = word.partition("=") if isinstance(word, str) and word.startswith("-") else ("", "", "")
        is_secret = bool(flag) and secret_values.is_secret_name(flag) and not str(word).startswith("$(")
        if equals and secret_values.is_secret_name(name.lstrip("-")):
            made.append(f"{name}={_HIDDEN}")
        else:
            made.append(_HIDDEN if is_secret and not name else _masked(word))
        flag = name.lstrip("-") if name and not equals else ""
    return made
