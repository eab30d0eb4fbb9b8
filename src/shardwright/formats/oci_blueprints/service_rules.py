"""Rules on services over several nodes, the pools they use, and deployment groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.marked import secret_values
from shardwright.core.rules.rule import Breach, Rule
from shardwright.formats.oci_blueprints import arguments, asked, keys
from shardwright.formats.oci_blueprints.documents import GROUP, KIND
from shardwright.formats.oci_blueprints.key_rules import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object

__all__ = ["RULES"]

_POOL = "shared_node_pool_size"
_RDMA = "multinode_rdma_enabled_in_shared_pool"
_PROBE = "recipe_startup_probe_params"
_SHORTEST_START_SECONDS = 600
_PROBE_DEFAULTS = {"failure_threshold": 30, "period_seconds": 2, "initial_delay_seconds": 10}


def _layout(blueprint: Object, _: Context) -> Iterator[Breach]:
    given = arguments.flags_of(blueprint)
    gpus = asked.gpus_per_node(blueprint)
    if not asked.is_over_nodes(blueprint) or gpus is None:
        return
    sizes = [given[name].value for name in ("tensor-parallel-size", "pipeline-parallel-size") if name in given]
    if len(sizes) < 2 or not all(type(size) is int for size in sizes):
        missing = [name for name in ("tensor-parallel-size", "pipeline-parallel-size") if name not in given]
        if missing:
            message = f"--{' and --'.join(missing)} {'is' if len(missing) == 1 else 'are'} not among the arguments"
            fix = f"add --tensor-parallel-size {gpus} --pipeline-parallel-size {asked.nodes(blueprint)}"
            yield Breach((arguments.ARGUMENTS,), message, fix=fix)
        return
    ranks, copies = int(sizes[0]) * int(sizes[1]), given.get("data-parallel-size")
    ranks *= copies.value if copies and type(copies.value) is int else 1
    if ranks != gpus * asked.nodes(blueprint):
        message = f"the arguments ask for {ranks} GPUs; {asked.nodes(blueprint)} nodes with {gpus} each have {gpus * asked.nodes(blueprint)}"
        yield Breach(given["tensor-parallel-size"].path, message, str(ranks))


def _pool(blueprint: Object, context: Context) -> Iterator[Breach]:
    if not asked.is_over_nodes(blueprint):
        return
    wanted = asked.nodes(blueprint)
    if wanted < 2:
        yield Breach(
            (asked.SPANNED,), f"{wanted} is no number of nodes to span", str(wanted), "write 2 or more, or leave it out"
        )
    shape = asked.text(blueprint, "recipe_node_shape")
    pools = [each for each in context.of_kind(KIND) if asked.mode(each) == "shared_node_pool"]
    fitting = [each for each in pools if asked.text(each, "shared_node_pool_shape") == shape]
    if pools and not fitting:
        message = f"no pool of the input has the shape {shape}"
        yield Breach(("recipe_node_shape",), message, shape, "write the shape of the pool")
    sizes = [size for each in fitting if (size := asked.number(each, _POOL)) is not None]
    if sizes and max(sizes) < wanted:
        yield Breach(
            (asked.SPANNED,), f"{wanted} nodes are asked for; the pool of that shape has {max(sizes)}", str(wanted)
        )


def _rdma(blueprint: Object, _: Context) -> Iterator[Breach]:
    if blueprint.get(_RDMA) is not True:
        return
    path, allowed = asked.shape_path(blueprint), keys.table("shapes")["rdma"]
    shape = asked.text(blueprint, path)
    if shape and shape not in allowed:
        message = f"{secret_values.shown(shape)} has no fabric for RDMA between nodes; {', '.join(allowed)} have"
        yield Breach((path,), message, shape)
    if asked.mode(blueprint) != "shared_node_pool":
        return
    size = asked.number(blueprint, _POOL)
    if size is not None and size < 2:
        yield Breach((_POOL,), f"a pool of {size} has nothing to reach by RDMA", str(size), "write 2 or more")
    for key in ("recipe_availability_domain", "recipe_node_image_ocid"):
        if not asked.has(blueprint, key):
            yield Breach((key,), f"a pool with RDMA needs {key}, which is missing", fix=f'add "{key}"')


def _probe(blueprint: Object, _: Context) -> Iterator[Breach]:
    if not asked.is_over_nodes(blueprint) or not asked.has(blueprint, _PROBE):
        return
    given = {name: asked.number(blueprint, _PROBE, name) for name in _PROBE_DEFAULTS}
    held = {name: _PROBE_DEFAULTS[name] if value is None else value for name, value in given.items()}
    seconds = held["initial_delay_seconds"] + held["period_seconds"] * held["failure_threshold"]
    if seconds < _SHORTEST_START_SECONDS:
        message = (
            f"the server is ended unless it answers after {seconds} seconds; weights of several nodes take minutes"
        )
        yield Breach((_PROBE,), message, str(seconds), "raise failure_threshold, or leave the startup probe out")


def _always_one(blueprint: Object, _: Context) -> Iterator[Breach]:
    if asked.mode(blueprint) != "service" or asked.has(blueprint, asked.SPANNED):
        return
    size = asked.number(blueprint, "recipe_node_pool_size")
    if size is not None and size > 1 and not asked.has(blueprint, "recipe_pod_autoscaling_params"):
        message = f"recipe_node_pool_size is {size}, and the service runs on one node"
        yield Breach(("recipe_node_pool_size",), message, str(size), "write 1")


def _secrets(blueprint: Object, _: Context) -> Iterator[Breach]:
    for index, each in enumerate(blueprint.list_at("recipe_container_env")):
        name = each.get("key") if isinstance(each, dict) else None
        value = each.get("value") if isinstance(each, dict) else None
        is_secret = isinstance(name, str) and secret_values.is_secret_name(name)
        if isinstance(value, str) and value and (is_secret or secret_values.has_hub_token(value)):
            message = f"the value of {secret_values.shown_key(str(name))} stands here in clear text"
            yield Breach(("recipe_container_env", index, "value"), message)


def _group(group: Object, _: Context) -> Iterator[Breach]:
    deployments = group.list_at("deployment_group", "deployments")
    if not deployments:
        yield Breach(
            ("deployment_group", "deployments"), "the group has no deployments", fix="add a list of {name, recipe}"
        )
    names = [each.get("name") if isinstance(each, dict) else None for each in deployments]
    for index, each in enumerate(deployments):
        path = ("deployment_group", "deployments", index)
        if (
            not isinstance(each, dict)
            or not isinstance(each.get("recipe"), dict)
            or not isinstance(each.get("name"), str)
        ):
            yield Breach(path, "a deployment of a group is {name, recipe}", fix="give both")
            continue
        if names.index(each["name"]) < index:
            yield Breach((*path, "name"), f"{str(each['name'])[:60]} stands there twice", fix="give it another name")
        needed = each.get("depends_on")
        for at, other in enumerate(needed if isinstance(needed, list) else []):
            if other not in names or other == each["name"]:
                yield Breach((*path, "depends_on", at), f"{str(other)[:60]} is no other deployment of this group")


RULES = (
    Rule(
        "blueprint.layout",
        "error",
        (KIND,),
        "The arguments use all GPUs of all nodes, and no more",
        "tensor x pipeline parallel size is the number of GPUs: vLLM waits for those that are missing",
        "tensor parallel size: GPUs of a node; pipeline parallel size: nodes",
        "engine",
        SOURCE,
        _layout,
        requirements=("R115",),
    ),
    Rule(
        "blueprint.pool-small",
        "error",
        (KIND,),
        "The pool has the nodes that are asked for, of one shape",
        "the group waits for nodes that never come",
        "make the pool larger, or ask for fewer nodes",
        "operator",
        SOURCE,
        _pool,
        requirements=("R103",),
    ),
    Rule(
        "blueprint.rdma",
        "error",
        (KIND,),
        "RDMA has a shape with a fabric, two nodes, an availability domain and an image with its drivers",
        "the control plane refuses the pool; RDMA cannot be switched on later",
        "complete the pool, or leave RDMA out",
        "operator",
        SOURCE,
        _rdma,
    ),
    Rule(
        "blueprint.startup-probe",
        "warning",
        (KIND,),
        "A startup probe has the time that weights take",
        "the server is ended and started again for ever",
        "give it more time",
        "practice",
        SOURCE,
        _probe,
    ),
    Rule(
        "blueprint.always-one",
        "warning",
        (KIND,),
        "A service on one node has a pool of one",
        "the other nodes stand idle",
        "write 1",
        "practice",
        SOURCE,
        _always_one,
    ),
    Rule(
        "blueprint.secret-clear",
        "error",
        (KIND,),
        "Secrets are named, not written",
        "whoever reads the blueprint, or the pod, reads it",
        "put it in a Secret and name it in recipe_environment_secrets; revoke what was written",
        "practice",
        SOURCE,
        _secrets,
    ),
    Rule(
        "blueprint.group",
        "error",
        (GROUP,),
        "A group has deployments with names, and depends on its own",
        "the control plane sorts them by what they depend on",
        "give each a name and a recipe",
        "operator",
        SOURCE,
        _group,
    ),
)
"""All rules on services and groups."""
