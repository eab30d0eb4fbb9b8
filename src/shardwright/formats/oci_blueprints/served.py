"""What a blueprint serves, as parts of a recipe: the model and where it is fetched from, the engine and its flags, the layout."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright import errors, registry
from shardwright.core.plan import version as releases
from shardwright.formats.oci_blueprints import arguments, asked, keys
from shardwright.formats.oci_blueprints.placing import placed

if TYPE_CHECKING:
    from shardwright.core.manifests.objects import Object
    from shardwright.formats.oci_blueprints.placing import Tree

__all__ = [
    "BUCKET_VARIABLES",
    "ENGINE",
    "engine",
    "engine_version",
    "folder",
    "keeps_image",
    "model",
    "parallelism",
    "shape_name",
    "storage",
    "workload",
]

ENGINE = "vllm"
"""The one engine that blueprints over several nodes know."""
BUCKET_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "access-key",
    "AWS_SECRET_ACCESS_KEY": "secret-key",
    "AWS_ENDPOINT_URL": "endpoint",
    "AWS_REGION": "region",
}
"""What reads a bucket of OCI by its Amazon S3 compatible address, and the keys of the Secret that holds it."""

_STORAGE = "input_object_storage"
_REPOSITORY = re.compile(r"[A-Za-z0-9][-A-Za-z0-9_.]{0,95}/[A-Za-z0-9][-A-Za-z0-9_.]{0,95}")
_VARIABLE = re.compile(r"\$[({]?([A-Za-z_][A-Za-z0-9_]*)[)}]?")
_PLAIN_VERSION = re.compile(r":(?:.*[^0-9.])?v?(\d+\.\d+\.\d+)(?:[-.+][^/]*)?$")
_JOINED_VERSION = re.compile(r":.*vllm[-_]?v?(\d)(\d)(\d{1,2})$")


def folder(blueprint: Object) -> str:
    """The model's folder in the bucket; empty: its root."""
    given = model_argument(blueprint)
    mount = asked.text(blueprint, _STORAGE, 0, "mount_location").rstrip("/")
    if given and mount and f"{given}/".startswith(f"{mount}/"):
        inner = given.removeprefix(mount).strip("/")
        return inner or asked.model_path(blueprint)
    return asked.model_path(blueprint)


def model_argument(blueprint: Object) -> str:
    """What vLLM is told to load, a variable of the container filled in; empty where the blueprint does not say."""
    flags = arguments.flags_of(blueprint)
    given = flags["model"].value if "model" in flags else ""
    if not isinstance(given, str):
        return ""
    if match := _VARIABLE.fullmatch(given):
        variables = {str(each.get("key")): each.get("value") for each in _variables(blueprint)}
        return str(variables.get(match[1]) or "")
    return given.rstrip("/") if given != "/" else ""


def _variables(blueprint: Object) -> list[dict[str, object]]:
    return [{**each} for each in blueprint.list_at("recipe_container_env") if isinstance(each, dict)]


def model(blueprint: Object) -> Tree:
    """Source, credentials and names."""
    source, at = _source(blueprint)
    flags = arguments.flags_of(blueprint)
    from_flags = {path[1]: placed(blueprint, flags[name].path, flags[name].value) for name, path in _of("model", flags)}
    if "servedName" not in from_flags and model_argument(blueprint):
        # Without a name of its own vLLM answers to what it was told to load.
        from_flags["servedName"] = placed(blueprint, flags["model"].path, model_argument(blueprint))
    is_request = source.startswith("par://")
    return {
        "source": placed(blueprint, at, source or None),
        "shape": placed(blueprint, at, shape_name(blueprint) or None),
        "token": placed(blueprint, at, {"secret": f"{blueprint.name}-request", "key": "address"})
        if is_request
        else None,
        **from_flags,
    }


def _of(section: str, flags: dict[str, arguments.Given]) -> list[tuple[str, tuple[str, str]]]:
    """Flags that are fields of a section."""
    return [
        (name, (section, str(path[1])))
        for name, path in arguments.FIELDS.items()
        if path[0] == section and name in flags
    ]


def _source(blueprint: Object) -> tuple[str, tuple[str | int, ...]]:
    """`model.source`, and where its reason stands."""
    bucket, inner = asked.bucket_of(blueprint), folder(blueprint)
    if asked.has(blueprint, _STORAGE, 0, "par"):
        return f"par://{bucket or 'bucket'}{f'/{inner}' if inner else ''}", (_STORAGE, 0, "par")
    if bucket:
        return f"s3://{bucket}{f'/{inner}' if inner else ''}", (_STORAGE, 0, "bucket_name")
    name = model_argument(blueprint)
    is_repository = _REPOSITORY.fullmatch(name) is not None
    return f"hf://{name}" if is_repository else "", (arguments.ARGUMENTS,)


def shape_name(blueprint: Object) -> str:
    """Where the model's shape is read: the catalogue, else the hub, if its folder is named after a repository."""
    inner = folder(blueprint) if asked.has(blueprint, _STORAGE) else ""
    known = asked.known_model(inner) if inner else None
    if known:
        return known.name
    return f"hf://{inner}" if _REPOSITORY.fullmatch(inner) else ""


def engine_version(blueprint: Object) -> str:
    """The version of vLLM that the image's tag tells; empty where it does not."""
    image = asked.text(blueprint, "recipe_image_uri")
    if match := _JOINED_VERSION.search(image):
        return ".".join(match.groups())
    match = _PLAIN_VERSION.search(image)
    return match[1] if match and "vllm" in image else ""


def keeps_image(blueprint: Object) -> bool:
    """Whether the image's engine can be planned for: its version is known, or not told."""
    found = engine_version(blueprint)
    if not found or not asked.text(blueprint, "recipe_image_uri"):
        return bool(asked.text(blueprint, "recipe_image_uri"))
    try:
        releases.resolve_version(found, registry.load_engine(ENGINE).versions)
    except errors.InputError:
        return False
    return True


def engine(blueprint: Object) -> Tree:
    """Engine, image, executor, flags and variables."""
    if asked.mode(blueprint) == "raycluster":
        facts = keys.table("raycluster")
        made = {"version": facts["engine_version"], "image": facts["image"], "executor": "ray"}
        placed_ones = {name: placed(blueprint, ("recipe_mode",), value) for name, value in made.items()}
        return {"name": ENGINE, **placed_ones, "env": {**_bucket_variables(blueprint), **_environment(blueprint)}}
    flags = arguments.flags_of(blueprint)
    backend = flags.get("distributed-executor-backend")
    keeps = keeps_image(blueprint)
    image = asked.text(blueprint, "recipe_image_uri") if keeps else ""
    own = {name: each for name, each in flags.items() if name not in arguments.FIELDS and name not in arguments.PLANNED}
    return {
        "name": ENGINE,
        "version": placed(blueprint, ("recipe_image_uri",), engine_version(blueprint) or None) if keeps else None,
        "image": placed(blueprint, ("recipe_image_uri",), image or None),
        "executor": placed(blueprint, backend.path, backend.value) if backend and keeps else None,
        "args": {name: placed(blueprint, each.path, each.value) for name, each in own.items()},
        "env": {**_bucket_variables(blueprint), **_environment(blueprint)},
    }


def _bucket_variables(blueprint: Object) -> dict[str, Tree]:
    if not asked.has(blueprint, _STORAGE, 0, "bucket_name"):
        return {}
    at = (_STORAGE, 0, "bucket_name")
    secret = f"{blueprint.name}-bucket"
    return {name: placed(blueprint, at, {"secret": secret, "key": key}) for name, key in BUCKET_VARIABLES.items()}


def _environment(blueprint: Object) -> dict[str, Tree]:
    made: dict[str, Tree] = {}
    for index, each in enumerate(_variables(blueprint)):
        at = ("recipe_container_env", index, "value")
        made[str(each.get("key"))] = placed(blueprint, at, str(each.get("value")))
    for index, each in enumerate(blueprint.list_at("recipe_environment_secrets")):
        if isinstance(each, dict):
            at = ("recipe_environment_secrets", index)
            named = {"secret": str(each.get("secret_name")), "key": str(each.get("secret_key"))}
            made[str(each.get("envvar_name"))] = placed(blueprint, at, named)
    return made


def workload(blueprint: Object) -> Tree:
    """Only what the arguments say: blueprints know no workload."""
    flags = arguments.flags_of(blueprint)
    return {path[1]: placed(blueprint, flags[name].path, flags[name].value) for name, path in _of("workload", flags)}


def parallelism(blueprint: Object) -> Tree:
    """Tensor parallel inside a node, pipeline parallel between nodes, unless the arguments say otherwise."""
    if asked.mode(blueprint) == "raycluster":
        return {
            "tensor": placed(blueprint, (asked.gpu_key(blueprint),), asked.gpus_per_node(blueprint)),
            "pipeline": placed(blueprint, ("recipe_node_pool_size",), asked.nodes(blueprint)),
        }
    flags = arguments.flags_of(blueprint)
    return {path[1]: placed(blueprint, flags[name].path, flags[name].value) for name, path in _of("parallelism", flags)}


def storage(blueprint: Object) -> Tree:
    """The claim that takes the place of the volume that the bucket is copied to."""
    if not blueprint.list_at(_STORAGE):
        return {}
    size = asked.number(blueprint, _STORAGE, 0, "volume_size_in_gbs")
    mount = asked.text(blueprint, _STORAGE, 0, "mount_location").rstrip("/")
    return {
        "claim": placed(blueprint, (_STORAGE, 0), f"{blueprint.name}-model"),
        "size": placed(blueprint, (_STORAGE, 0, "volume_size_in_gbs"), None if size is None else f"{size}Gi"),
        "cacheDir": placed(blueprint, (_STORAGE, 0, "mount_location"), mount or None),
    }
