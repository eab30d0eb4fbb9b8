"""Rules on the model: where its files come from, who may read them, which credentials must be there before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.core.marked import secret_values
from shardwright.core.recipe.model import KeyRef
from shardwright.kubernetes.render import sources
from shardwright.kubernetes.rules.findings import error, info, unknown, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe import Recipe
    from shardwright.core.rules import Finding

__all__ = ["RULES"]

_TOKEN_NAMES = {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_TOKEN", "HF_API_TOKEN"}


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
    recipe, namespace = deployment.recipe, deployment.recipe.metadata.namespace
    given = {f"engine.env.{name}": value for name, value in recipe.engine.env.items()}
    wanted: dict[str, dict[str, str]] = {}
    for path, value in {"model.token": recipe.model.token, **given}.items():
        if isinstance(value, KeyRef):
            wanted.setdefault(value.secret, {}).setdefault(value.key, path)
    for name, keys in wanted.items():
        literals = " ".join(f"--from-literal={key}=VALUE" for key in keys)
        yield unknown(
            "secret.needed",
            path=next(iter(keys.values())),
            value=f"{name}/{','.join(keys)}",
            message=f"Secret {name} with key{'s' if len(keys) > 1 else ''} {', '.join(keys)} must be in namespace {namespace}",
            fix=f"kubectl create secret generic {name} -n {namespace} {literals}",
            requirements=("R074", "R123"),
        )


RULES = (reachable_source, fetched_source, remote_code, literal_token, gated_model, needed_secrets)
