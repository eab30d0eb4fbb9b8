"""Rules on how requests reach an LLMInferenceService.

Source: kserve/kserve v0.16.0 to v0.20.0, pkg/controller (llmisvc): workload.go, router.go; config-llm-router-route.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright.kubernetes.rules.findings import error, info, unknown
from shardwright.targets.llmisvc import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["RULES"]


def clear_text(deployment: Deployment) -> Iterator[Finding]:
    """The engine serves in clear text; a platform that is set to encrypt asks it otherwise."""
    yield unknown(
        "llmisvc.clear-text",
        path="target.kind",
        value=deployment.recipe.metadata.name,
        message="enableLLMInferenceServiceTLS must be off in the platform's configuration, as it is unless set",
        why="with it the platform's Service and route speak HTTPS to the engine, which serves in clear text",
        fix="kubectl get configmap inferenceservice-config -n kserve -o jsonpath='{.data.ingress}'",
    )


def path_of_route(deployment: Deployment) -> Iterator[Finding]:
    """The platform's route has a path of its own."""
    recipe = deployment.recipe
    if not options.has_router(recipe):
        return
    path = f"/{recipe.metadata.namespace}/{recipe.metadata.name}"
    if recipe.expose.kind == "gateway" and recipe.expose.path != "/":
        yield error(
            "llmisvc.route-path",
            path="expose.path",
            value=recipe.expose.path,
            message=f"the platform's route has the path {path}, and no other",
            fix="remove expose.path",
        )
    yield info(
        "llmisvc.route",
        path="expose.kind",
        value=recipe.expose.kind,
        message=f"requests go to {path}/v1/... at the Gateway; the platform takes the path off again",
    )


def platform_tokens(deployment: Deployment) -> Iterator[Finding]:
    """Only OpenShift AI checks tokens before an LLMInferenceService; KServe itself does not."""
    auth = deployment.recipe.expose.auth
    if auth is None or not auth.platform:
        return
    if not options.has_router(deployment.recipe):
        yield error(
            "llmisvc.auth-without-route",
            path="expose.auth.platform",
            value="true",
            message="tokens are checked at the platform's Gateway, and there is no route at it",
            fix="use expose.kind: gateway, or target.options.router: platform",
        )
    yield unknown(
        "llmisvc.auth-expected",
        path="expose.auth.platform",
        value="true",
        message="the cluster must be one of OpenShift AI; KServe itself checks no tokens",
        why="the annotation security.opendatahub.io/enable-auth means nothing to others, and everybody may then use the model",
        fix="kubectl api-resources --api-group=datasciencecluster.opendatahub.io",
    )


RULES = (clear_text, path_of_route, platform_tokens)
"""All rules on the way in."""
