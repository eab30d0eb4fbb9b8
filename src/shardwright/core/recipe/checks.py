"""Rules between the fields of one section that hold for every engine and platform.

A check gets what was set and could be read, so a fault elsewhere hides none of its own. What
needs the model, the hardware catalogue, an engine or a target is decided where those are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from shardwright.core.marked import secret_values
from shardwright.core.recipe import flags, model, source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shardwright.core.marked.paths import Path

__all__ = ["Complaint", "complaints", "key_complaints"]

_NO_SECRET = {"", "0", "1", "true", "false", "yes", "no", "on", "off", "none", "null", "~"}
_IN_CLEAR_TEXT = "a secret stands here in clear text"


class Complaint(NamedTuple):
    """One thing wrong, at a path from the section or mapping on, in the spelling of documents."""

    path: Path
    message: str
    hint: str = ""


def complaints(cls: type[Any], values: Mapping[str, object]) -> Iterator[Complaint]:
    """What is wrong with a section of that class; `values` are the fields that were set, by their names in Python."""
    for check in _CHECKS.get(cls, ()):
        yield from check(values)


def _check_source(values: Mapping[str, object]) -> Iterator[Complaint]:
    for name in ("source", "shape"):
        try:
            found = source.parse_source(str(values.get(name, "")))
        except source.SourceError as error:
            yield Complaint((name,), str(error), error.hint)
        else:
            # The shape is read where the plan is made, which sees no cluster.
            if name == "shape" and found.scheme not in {"hf", "name"}:
                message = f"{secret_values.shown(str(values[name]))} cannot be read by a plan"
                yield Complaint((name,), message, "write hf://OWNER/NAME, a directory, or a name in the catalogue")


def key_complaints(form: str, texts: Mapping[str, str | None]) -> Iterator[Complaint]:
    """What is wrong with keys of a mapping of that form; `texts` are its values as written, None where one is no scalar."""
    if form == "args":
        yield from _check_args(texts)
    elif form == "env":
        for name in texts:
            if _is_secret(name, texts[name]):
                yield Complaint((name,), _IN_CLEAR_TEXT, "keep it in a Secret and write {secret: NAME, key: KEY}")


def _check_args(texts: Mapping[str, str | None]) -> Iterator[Complaint]:
    first: dict[str, str] = {}
    for flag, text in texts.items():
        plain, bare = flags.plain_flag(flag), flag.strip().lstrip("-")
        if plain in first:
            message = f'this is the flag "{secret_values.shown_key(first[plain])}" once more'
            yield Complaint((flag,), message, "keep one")
        first.setdefault(plain, flag)
        if field := flags.field_of(flag):
            yield Complaint((flag,), f"this flag repeats the field {field}", f"remove it here and set {field}")
        elif _is_secret(flag, text):
            hint = "keep it in a Secret and name that under engine.env: {secret: NAME, key: KEY}"
            yield Complaint((flag,), _IN_CLEAR_TEXT, hint)
        elif flag != bare:
            hint = f'write "{secret_values.shown_key(bare)}"' if bare else ""
            yield Complaint((flag,), "flags are written without leading dashes", hint)


def _is_secret(name: str, text: str | None) -> bool:
    """Whether a literal under a secret's name is a secret; switches and counts of tokens are none."""
    if text is None or not secret_values.is_secret_name(name):
        return False
    return text.lower() not in _NO_SECRET and not ("token" in name.lower() and text.isdigit())


def _check_hardware(values: Mapping[str, object]) -> Iterator[Complaint]:
    if "pools" in values:
        for attribute, name in (
            ("gpu", "gpu"),
            ("gpus_per_node", "gpusPerNode"),
            ("nodes", "nodes"),
            ("gpu_memory", "gpuMemory"),
            ("node_shape", "nodeShape"),
        ):
            if attribute in values:
                yield Complaint((name,), f"{name} and pools cannot be set together", "move it into the pools")
    yield from _check_gpu(values)


def _check_gpu(values: Mapping[str, object]) -> Iterator[Complaint]:
    if "gpu" in values and "node_shape" in values:
        message = "gpu and nodeShape cannot be set together: a node shape says which GPUs it has"
        yield Complaint(("nodeShape",), message, "keep one")


def _check_pool(values: Mapping[str, object]) -> Iterator[Complaint]:
    yield from _check_gpu(values)
    if "gpu" not in values and "node_shape" not in values:
        yield Complaint((), "a pool has neither gpu nor nodeShape", "name one of them")


def _check_parallelism(values: Mapping[str, object]) -> Iterator[Complaint]:
    partition = cast("tuple[int, ...]", values.get("layer_partition", ()))
    stages = values.get("pipeline", 1)
    if partition and len(partition) != stages:
        message = f"{len(partition)} stages are listed, pipeline is {stages}"
        yield Complaint(("layerPartition",), message, "list the layers of each stage, or leave it out")


def _check_rdma(values: Mapping[str, object]) -> Iterator[Complaint]:
    devices = cast("tuple[str, ...]", values.get("devices", ()))
    networks = cast("tuple[str, ...]", values.get("networks", ()))
    if "devices" in values and not devices:
        yield Complaint(("devices",), "there is no device", "name at least one, or leave rdma out")
    elif networks and devices and len(devices) != len(networks):
        message = f"devices: {len(devices)}, networks: {len(networks)}; they are paired in order"
        yield Complaint(("networks",), message, "list as many of one as of the other")


def _check_pods(values: Mapping[str, object]) -> Iterator[Complaint]:
    for index, toleration in enumerate(cast("tuple[object, ...]", values.get("tolerations", ()))):
        if not isinstance(toleration, dict):
            yield Complaint(("tolerations", index), "a toleration is a mapping", "write {key: NAME, operator: Exists}")
    for attribute, name in (("affinity", "affinity"), ("security_context", "securityContext")):
        if not isinstance(values.get(attribute, {}), dict):
            yield Complaint((name,), f"{name} is a mapping, as Kubernetes has it")


def _check_patch(values: Mapping[str, object]) -> Iterator[Complaint]:
    if "patch" in values and not isinstance(values["patch"], dict | list):
        hint = "write a mapping (merge patch), or a list of {op, path, value}"
        yield Complaint(("patch",), "a patch is a mapping or a list", hint)


def _check_auth(values: Mapping[str, object]) -> Iterator[Complaint]:
    if bool(values.get("api_key")) == bool(values.get("platform")):
        yield Complaint((), "auth needs one of apiKey and platform", "write {apiKey: {secret: NAME, key: KEY}}")


def _check_expose(values: Mapping[str, object]) -> Iterator[Complaint]:
    kind = values.get("kind", "service")
    for attribute, name, needed in (("ingress_class", "ingressClass", "ingress"), ("gateway", "gateway", "gateway")):
        if attribute in values and kind != needed:
            yield Complaint((name,), f"{name} is for kind: {needed}, not {kind}", f"remove it, or set kind: {needed}")
    if kind == "gateway" and "gateway" not in values:
        yield Complaint((), "kind: gateway needs the name of a Gateway", "write gateway: NAMESPACE/NAME")


_CHECKS: dict[type[Any], tuple[Callable[[Mapping[str, object]], Iterator[Complaint]], ...]] = {
    model.Model: (_check_source,),
    model.Draft: (_check_source,),
    model.Hardware: (_check_hardware,),
    model.Pool: (_check_pool,),
    model.Parallelism: (_check_parallelism,),
    model.Rdma: (_check_rdma,),
    model.Pods: (_check_pods,),
    model.Patch: (_check_patch,),
    model.Auth: (_check_auth,),
    model.Expose: (_check_expose,),
}
