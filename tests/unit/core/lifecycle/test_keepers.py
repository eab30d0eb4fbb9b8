"""Who else keeps an object, by what Argo CD and Flux write on it."""

from __future__ import annotations

import pytest

from shardwright.core.lifecycle.keepers import keeper_of

FLUX = "toolkit.fluxcd.io"


def service(**metadata: object) -> dict[str, object]:
    return {"kind": "Service", "metadata": {"name": "llama", "namespace": "demo", **metadata}}


def managed(manager: str, **more: str) -> dict[str, object]:
    return service(managedFields=[{"manager": "shardwright"}, {"manager": manager, **more}])


@pytest.mark.parametrize(
    ("live", "keeper"),
    [
        (
            service(annotations={"argocd.argoproj.io/tracking-id": "apps:/Service:demo/llama"}),
            "Argo CD (application apps)",
        ),
        (service(annotations={"argocd.argoproj.io/tracking-id": "apps"}), "Argo CD (application apps)"),
        (service(labels={"argocd.argoproj.io/instance": "apps"}), "Argo CD (application apps)"),
        (service(annotations={"argocd.argoproj.io/instance": "apps"}), "Argo CD (application apps)"),
        (
            service(labels={f"kustomize.{FLUX}/name": "apps", f"kustomize.{FLUX}/namespace": "flux-system"}),
            "Flux (Kustomization flux-system/apps)",
        ),
        (service(labels={f"helm.{FLUX}/name": "apps"}), "Flux (HelmRelease apps)"),
        (managed("argocd-controller"), "Argo CD (field manager argocd-controller)"),
        (managed("kustomize-controller"), "Flux (field manager kustomize-controller)"),
        (managed("helm-controller"), "Flux (field manager helm-controller)"),
    ],
)
def test_keepers_are_known_by_name(live: dict[str, object], keeper: str) -> None:
    """By label, annotation or field manager, with the application, Kustomization or HelmRelease that has it."""
    assert keeper_of(live) == keeper


@pytest.mark.parametrize(
    "live",
    [
        service(),
        service(labels={"app.kubernetes.io/instance": "llama"}),
        service(annotations={"argocd.argoproj.io/tracking-id": "apps:serving.kserve.io/InferenceService:demo/llama"}),
        service(annotations={"argocd.argoproj.io/tracking-id": "apps:/Service:demo/other"}),
        managed("kubectl"),
        managed("argocd-controller", subresource="status"),
    ],
)
def test_what_others_hand_on_or_only_look_at_is_not_theirs(live: dict[str, object]) -> None:
    """A tracking id that an operator copied names another object; who writes the status keeps nothing."""
    assert keeper_of(live) == ""
