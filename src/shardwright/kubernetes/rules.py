"""Rules on deployments that hold for every target which makes pods: sources, claims, secrets, memory.

Each rule is a function from a deployment to findings; nothing is asked of a cluster. A finding of severity error
stops rendering, one with status unknown names what only the cluster can tell.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shardwright.core.marked import secret_values
from shardwright.core.recipe.model import KeyRef
from shardwright.kubernetes import members, network_rules, pod_rules, sources, storage
from shardwright.kubernetes.findings import error, info, unknown, warning
from shardwright.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding

__all__ = ["RULES", "error", "findings_of", "info", "unknown", "warning"]

_TOKEN_NAMES = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN", "HF_API_TOKEN"}
_PLACEHOLDER = re.compile(r"[%<>{}$]")


def findings_of(deployment: Deployment) -> tuple[Finding, ...]:
    """All findings, in the order of the rules."""
    return tuple(finding for rule in RULES for finding in rule(deployment))


def reachable_source(deployment: Deployment) -> Iterator[Finding]:
    """Pods read models from the hub or from the claim they mount, not from the machine on which the recipe was written."""
    model = deployment.recipe.model
    found = {"model.source": (model.source, sources.source_of(deployment.recipe))}
    draft = sources.draft_source_of(deployment.recipe)
    if model.draft and draft:
        found["model.draft.source"] = (model.draft.source, draft)
    for path, (written, read) in found.items():
        if read.kind == "other":
            yield error(
                "model.source-out-of-reach",
                path=path,
                value=written,
                message=f"pods cannot read the {'draft ' if 'draft' in path else ''}model from {written!r}",
                why="a folder of this machine or a second claim is not mounted by this target",
                fix="give hf://owner/name, or copy the files into a claim and give pvc://claim/path",
            )


def fetched_source(deployment: Deployment) -> Iterator[Finding]:
    """What is no repository of the hub is copied into a claim first; engines then read a folder."""
    recipe = deployment.recipe
    found = sources.source_of(recipe)
    if not found.is_fetched:
        return
    if recipe.storage.claim is None:
        yield error(
            "model.source-needs-claim",
            path="storage.claim",
            value=found.name,
            message=f"{found.name} is copied into a claim before the group starts, and storage.claim names none",
            fix="give storage.claim, and storage.size if it is to be made; hf:// and pvc:// work without",
        )
    yield from _credentials(recipe, found)


def _credentials(recipe: Recipe, found: sources.ModelSource) -> Iterator[Finding]:
    if found.kind == "request" and recipe.model.token is None:
        yield error(
            "model.request-missing",
            path="model.token",
            value=found.name,
            message="the address of the pre-authenticated request is missing",
            why="the address is the credential, so it stands in a Secret and not in the source",
            fix="give model.token: {secret: NAME, key: KEY} of a Secret that holds the address, which ends in /o/",
        )
    if found.kind == "bucket" and "AWS_ACCESS_KEY_ID" not in recipe.engine.env:
        yield info(
            "model.bucket-without-keys",
            path="engine.env",
            value=found.name,
            message=f"{found.name} is read without keys, as a public bucket",
            fix="give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY as {secret, key} in engine.env; AWS_REGION and"
            " AWS_ENDPOINT_URL as texts. Pods of the group do not get them",
        )
    if found.kind == "image":
        yield unknown(
            "model.image-layout",
            path="model.source",
            value=found.name,
            message="the image must hold the model in /models, and a shell with cp",
            why="its own files are copied into the claim by a Job that runs it",
            fix=f"docker run --rm --entrypoint ls {found.name.removeprefix('oci://')} /models",
        )


def remote_code(deployment: Deployment) -> Iterator[Finding]:
    """Code that comes with a model runs with all rights of the pod."""
    if deployment.recipe.model.trust_remote_code:
        yield warning(
            "model.trust-remote-code",
            path="model.trustRemoteCode",
            value="true",
            message="code from the model's repository is run in the pods",
            fix="remove it if the engine knows the architecture, or pin model.revision to a commit that was read",
            requirements=("R140",),
        )


def literal_token(deployment: Deployment) -> Iterator[Finding]:
    """A token is referred to, never written into a manifest."""
    for name, value in deployment.recipe.engine.env.items():
        if isinstance(value, KeyRef) or not (secret_values.has_hub_token(value) or name in _TOKEN_NAMES):
            continue
        yield error(
            "model.literal-token",
            path=f"engine.env.{name}",
            message=f"{name} holds a token as plain text; everybody who can read the manifests could read it",
            fix="remove it and give model.token: {secret: NAME, key: KEY}",
            requirements=("R074", "R123"),
        )


def gated_model(deployment: Deployment) -> Iterator[Finding]:
    """The hub gives some models only to those who accepted a licence, and knows them by their token."""
    recipe = deployment.recipe
    has_token = recipe.model.token is not None or any(name in recipe.engine.env for name in _TOKEN_NAMES)
    is_fetched = recipe.storage.claim is None or recipe.storage.download == "auto"
    if is_fetched and sources.is_gated(recipe) and not has_token:
        yield warning(
            "model.gated-without-token",
            path="model.token",
            value=sources.source_of(recipe).name,
            message=f"the hub gives {sources.source_of(recipe).name} only to accounts that accepted its licence",
            fix="accept it on the model's page and give model.token: {secret: NAME, key: KEY}",
            requirements=("R074",),
        )


def needed_secrets(deployment: Deployment) -> Iterator[Finding]:
    """No Secret is rendered; the ones that pods refer to must be there before."""
    recipe = deployment.recipe
    given = {f"engine.env.{name}": value for name, value in recipe.engine.env.items()}
    for path, value in {"model.token": recipe.model.token, **given}.items():
        if isinstance(value, KeyRef):
            yield unknown(
                "secret.needed",
                path=path,
                value=f"{value.secret}/{value.key}",
                message=f"Secret {value.secret} with key {value.key} must be in namespace {recipe.metadata.namespace}",
                fix=f"kubectl create secret generic {value.secret} -n {recipe.metadata.namespace} "
                f"--from-literal={value.key}=VALUE",
                requirements=("R074", "R123"),
            )


def download_by_each_pod(deployment: Deployment) -> Iterator[Finding]:
    """Without a claim every pod fetches the whole model at every start."""
    recipe = deployment.recipe
    if sources.source_of(recipe).kind == "hub" and recipe.storage.claim is None:
        yield info(
            "storage.no-claim",
            path="storage.claim",
            message="each pod downloads the whole model each time it starts",
            fix="give storage.claim, so that one Job downloads it once",
            requirements=("R157",),
        )


def access_mode(deployment: Deployment) -> Iterator[Finding]:
    """A claim that several pods mount, on several nodes, must allow it."""
    recipe = deployment.recipe
    claim = sources.mounted_claim(recipe)
    pods = deployment.group.size * max(recipe.replicas, 1)
    if claim is None or pods == 1:
        return
    is_ours = sources.source_of(recipe).kind != "claim" and storage.claim_of(deployment) is not None
    if recipe.storage.access_mode == "ReadWriteOnce":
        yield error(
            "storage.access-mode",
            path="storage.accessMode",
            value="ReadWriteOnce",
            message=f"{pods} pods mount claim {claim}, but ReadWriteOnce is for one node only",
            fix="use ReadWriteMany, with a storage class that has it (NFS, CephFS, EFS, FSS ...)",
            requirements=("R014", "R165"),
        )
    elif not is_ours:
        yield unknown(
            "storage.claim-expected",
            path="storage.claim",
            value=claim,
            message=f"claim {claim} must exist and allow ReadWriteMany or ReadOnlyMany: {pods} pods mount it",
            fix=f"kubectl get pvc {claim} -n {recipe.metadata.namespace} -o jsonpath='{{.spec.accessModes}}'",
            requirements=("R014", "R136", "R165"),
        )


def writable_for_download(deployment: Deployment) -> Iterator[Finding]:
    """The download Job writes to the claim, and must get at it before the group does."""
    recipe = deployment.recipe
    if not sources.has_download(recipe):
        return
    if recipe.storage.access_mode == "ReadOnlyMany":
        yield error(
            "storage.read-only-download",
            path="storage.accessMode",
            value="ReadOnlyMany",
            message="the download Job cannot write to a claim that is ReadOnlyMany",
            fix="use ReadWriteMany, or storage.download: never if the model is already there",
        )
    if recipe.storage.access_mode == "ReadWriteOnce":
        yield warning(
            "storage.one-node-at-a-time",
            path="storage.accessMode",
            value="ReadWriteOnce",
            message="the download Job and the group may be placed on different nodes, and each would wait for the other",
            fix="wait until the Job is complete before you apply the set, or use ReadWriteMany",
        )


def filled_claim(deployment: Deployment) -> Iterator[Finding]:
    """A new claim that no Job fills stays empty, and the group does not ask the hub."""
    recipe = deployment.recipe
    if storage.claim_of(deployment) is not None and not sources.has_download(recipe):
        yield warning(
            "storage.claim-stays-empty",
            path="storage.download",
            value=recipe.storage.download,
            message=f"claim {recipe.storage.claim} is new, and nothing downloads the model into it",
            fix="if it is there and filled, leave out storage.size and storage.class; else give hf:// and download: auto",
        )


def one_claim(deployment: Deployment) -> Iterator[Finding]:
    """A model in a claim is read from that claim; what `storage` says of another one would be ignored."""
    recipe = deployment.recipe
    source = sources.source_of(recipe)
    claim = recipe.storage.claim
    if source.kind == "claim" and claim is not None and claim != source.name:
        yield error(
            "storage.two-claims",
            path="storage.claim",
            value=claim,
            message=f"model.source names claim {source.name}, storage.claim names {claim}; pods mount one",
            fix="remove storage.claim, or give model.source: hf://... to fill that claim",
        )
    if claim is None and (recipe.storage.size is not None or recipe.storage.storage_class is not None):
        yield warning(
            "storage.claim-without-name",
            path="storage",
            message="storage.size and storage.class are for a new claim, but storage.claim does not name one",
            fix="give storage.claim, or remove them",
        )


def no_placeholder(deployment: Deployment) -> Iterator[Finding]:
    """Guides leave names such as `%STORAGECLASS%` to fill in."""
    fields = {
        "storage.claim": deployment.recipe.storage.claim,
        "storage.class": deployment.recipe.storage.storage_class,
    }
    for path, value in fields.items():
        if value is not None and _PLACEHOLDER.search(value):
            yield error(
                "storage.placeholder",
                path=path,
                value=value,
                message=f"{value!r} is a placeholder that was not filled in",
                fix="give the name that kubectl get storageclass or kubectl get pvc shows",
                requirements=("R073",),
            )


def shared_memory(deployment: Deployment) -> Iterator[Finding]:
    """Shared memory counts against the memory of its pod."""
    asked = deployment.recipe.pods
    for role in ("leader", "worker")[: deployment.group.size]:
        memory = members.memory_bytes(asked, role)
        shared = members.shared_memory_bytes(asked, role)
        if memory is not None and shared >= memory:
            yield error(
                "pods.shared-memory",
                path="pods.sharedMemory",
                value=format_bytes(shared),
                message=f"shared memory of {format_bytes(shared)} leaves nothing of the {role}'s {format_bytes(memory)}",
                why="it is held in memory and counts against the pod's limit",
                fix="make pods.memory larger or pods.sharedMemory smaller; 16Gi is enough for most",
                requirements=("R135",),
            )


def debugging(deployment: Deployment) -> Iterator[Finding]:
    """The collective library's log is for finding a fault, not for production."""
    level = deployment.recipe.engine.env.get("NCCL_DEBUG")
    if deployment.recipe.network.debug or level in {"INFO", "TRACE"}:
        yield warning(
            "network.debug",
            path="network.debug" if deployment.recipe.network.debug else "engine.env.NCCL_DEBUG",
            message="the collective library logs its choices (NCCL_DEBUG)",
            fix="remove it once the group runs",
            requirements=("R124",),
        )


RULES = (
    reachable_source,
    fetched_source,
    remote_code,
    literal_token,
    gated_model,
    needed_secrets,
    download_by_each_pod,
    access_mode,
    writable_for_download,
    filled_claim,
    one_claim,
    no_placeholder,
    shared_memory,
    debugging,
    *network_rules.RULES,
    *pod_rules.RULES,
)
"""All rules, in the order in which people read what they find."""
