"""Rules of KubeRay for what is rendered: what its operator refuses, and what it accepts and cannot work.

Source: ray-operator of KubeRay v1.5.1 to v1.7.0, CRDs v1.1.1 to v1.7.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shardwright import registry
from shardwright.kubernetes.render import expose, members, patches
from shardwright.kubernetes.rules import rules as shared
from shardwright.kubernetes.rules.findings import error, info, unknown, warning
from shardwright.targets.kuberay import names, option_rules, options, ray_images, releases, render, serve_llm
from shardwright.targets.kuberay.lint_service import LONGEST_NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.deployment import Deployment
    from shardwright.core.rules import Finding

__all__ = ["RULES", "findings_of"]


def findings_of(deployment: Deployment) -> tuple[Finding, ...]:
    """Findings of this target's rules, then of those that hold for all pods; of patches only where nothing else is wrong."""
    own = (finding for rule in RULES for finding in rule(deployment))
    service, port, _ = render.dashboard_service(deployment.recipe)
    way_in = expose.findings_of(deployment, dashboard=f"{service}:{port}")
    found = (*own, *way_in, *shared.findings_of(deployment))
    release = releases.release_of(deployment.recipe)
    if release is None or any(finding.severity == "error" for finding in found):
        return found
    return (*found, *patches.findings_of(deployment.recipe, render.unpatched(deployment, release)))


def known_version(deployment: Deployment) -> Iterator[Finding]:
    """What a release accepts must be known before something is written for it."""
    asked = deployment.recipe.target.version if deployment.recipe.target else None
    release = releases.release_of(deployment.recipe)
    if release is None:
        yield error(
            "kuberay.version-unknown",
            path="target.version",
            value=str(asked),
            message=f"KubeRay {asked} is not known; known: {', '.join(releases.known_versions())}",
            fix="give the version of the operator in your cluster as major.minor, or leave it out for the newest",
        )
    elif asked is None:
        yield unknown(
            "kuberay.version-assumed",
            path="target.version",
            message=f"target.version is not given: written for KubeRay {release.version}",
            fix="give the version of the operator in your cluster",
        )


def spanned_by_ray(deployment: Deployment) -> Iterator[Finding]:
    """Workers have no index that stays, which every executor but Ray needs."""
    executor, engine = deployment.plan.engine.executor, deployment.plan.engine.name
    if deployment.group.size == 1 or executor == "ray":
        return
    if "ray" not in registry.load_engine(engine).executors:
        yield error(
            "kuberay.engine-without-ray",
            path="engine.name",
            value=engine,
            message=f"{engine} cannot span the pods of a Ray cluster: it has no executor ray",
            why="other executors need members with an index and the leader's address; these workers have no stable index",
            fix="use target.kind: lws, or an engine that Ray runs",
            requirements=("R105",),
        )
        return
    yield error(
        "kuberay.executor",
        path="engine.executor",
        value=executor,
        message=f"executor {executor} cannot span the pods of a Ray cluster",
        why="it gives each member an index and the leader's address; a RayCluster's workers have no stable index",
        fix="set engine.executor: ray, or use target.kind: lws",
        requirements=("R105",),
    )


def image_with_ray(deployment: Deployment) -> Iterator[Finding]:
    """The operator starts Ray in every pod, and asks for it by a shell before."""
    first = ray_images.first_without_ray(deployment.image)
    if first:
        yield error(
            "kuberay.image-without-ray",
            path="engine.image",
            value=deployment.image,
            message=f"{deployment.image} holds no Ray; images of that name do not since {first}",
            why="the operator starts Ray in every pod: ray: command not found",
            fix="name an image with Ray and the engine in engine.image, as rayproject/ray-llm",
        )
    elif not ray_images.version_in(deployment.image):
        yield unknown(
            "kuberay.image-expected",
            path="engine.image",
            value=deployment.image,
            message=f"{deployment.image} must hold Ray, bash and {deployment.plan.engine.name}, the same in all pods",
            fix="docker run --rm --entrypoint ray IMAGE --version shows it",
        )


def one_group(deployment: Deployment) -> Iterator[Finding]:
    """A RayCluster is one group; Ray Serve has replicas."""
    count = deployment.recipe.replicas
    if count > 1 and not options.is_ray_serve(deployment.recipe):
        yield error(
            "kuberay.replicas",
            path="replicas",
            value=str(count),
            message=f"a RayCluster is one group; {count} replicas of it cannot be written as one",
            fix="set target.options.server: ray-serve, whose workers hold all replicas, or use target.kind: lws",
        )


def even_pods(deployment: Deployment) -> Iterator[Finding]:
    """Head and workers serve the same share of the model."""
    counts = sorted({len(member.ranks) for member in deployment.group.members})
    if len(counts) > 1:
        yield error(
            "kuberay.pods-uneven",
            path="parallelism",
            value=", ".join(str(count) for count in counts),
            message=f"pods would need different numbers of GPUs ({counts[0]} to {counts[-1]})",
            fix="choose tensor x pipeline so that every node uses the same number of GPUs",
            requirements=("R096", "R103"),
        )
    asked = deployment.recipe.pods
    if options.is_ray_serve(deployment.recipe) or deployment.group.size == 1:
        return
    leader, worker = asked.leader, asked.worker
    cpus = [str((each.cpu if each else None) or asked.cpu or "") for each in (leader, worker)]
    memories = [members.memory_bytes(asked, role) for role in ("leader", "worker")]
    for field, row, differs in (("cpu", "R095", cpus[0] != cpus[1]), ("memory", "R097", memories[0] != memories[1])):
        if differs:
            yield warning(
                "kuberay.resources-unequal",
                path=f"pods.leader.{field}",
                message=f"head and workers ask for different {field}",
                why="the head serves the same share of the model as each worker, and the slowest decides",
                fix=f"give pods.{field} once for all pods, and more than the workers alone would need",
                requirements=(row, "R103", "R106"),
            )


def name(deployment: Deployment) -> Iterator[Finding]:
    """The operator derives names of pods and Services from the object's name."""
    text = deployment.recipe.metadata.name
    longest = LONGEST_NAMES["RayService" if options.is_ray_serve(deployment.recipe) else "RayCluster"]
    if not names.is_dns_1035_label(text):
        yield error(
            "kuberay.name-invalid",
            path="metadata.name",
            value=text,
            message=f"{text!r} is no DNS-1035 label",
            why="the operator refuses it: it also becomes the name of Services",
            fix="use a-z, 0-9 and -, first a letter, last a letter or digit",
            requirements=("R086",),
        )
    elif len(text) > longest:
        yield error(
            "kuberay.name-too-long",
            path="metadata.name",
            value=text,
            message=f"the name has {len(text)} characters; {longest} are possible",
            why="pods and Services carry it with suffixes, and end at 63 characters",
            fix="shorten it",
            requirements=("R086",),
        )


def ports(deployment: Deployment) -> Iterator[Finding]:
    """Each port of the head is for one purpose."""
    own = [port.number for port in deployment.leader.ports]
    taken = [*own, *options.ports_of(deployment.recipe).values()]
    twice = sorted({number for number in taken if taken.count(number) > 1})
    if twice:
        yield error(
            "kuberay.ports-clash",
            path="target.options",
            value=", ".join(twice),
            message=f"the head opens port {', '.join(twice)} for more than one purpose",
            fix=f"leave {', '.join(options.PORTS)} out, or keep them apart from each other and from {', '.join(own)}",
            requirements=("R099", "R100", "R101", "R102"),
        )


def without_ray(deployment: Deployment) -> Iterator[Finding]:
    """One node needs no Ray."""
    if deployment.group.size == 1 and not options.is_ray_serve(deployment.recipe):
        yield info(
            "kuberay.one-node",
            path="target.kind",
            value="kuberay",
            message="the model fits one node: the Ray cluster is a head alone",
            fix="target.kind: kubernetes does the same without an operator",
        )


def served_by_ray(deployment: Deployment) -> Iterator[Finding]:
    """Ray Serve is another server than the engine's own, and knows one engine."""
    auth, engine = deployment.recipe.expose.auth, deployment.plan.engine.name
    if options.is_ray_serve(deployment.recipe) and engine != serve_llm.ENGINE:
        yield error(
            "kuberay.serve-engine",
            path="engine.name",
            value=engine,
            message=f"Ray Serve LLM runs {serve_llm.ENGINE}, not {engine}",
            why=f"the flags of {engine} would be given to {serve_llm.ENGINE}",
            fix=f"set engine.name: {serve_llm.ENGINE}, or leave target.options.server out",
        )
    if options.is_ray_serve(deployment.recipe) and auth is not None and auth.api_key is not None:
        yield error(
            "kuberay.serve-auth",
            path="expose.auth.apiKey",
            value=options.RAY_SERVE,
            message="Ray Serve checks no key of the engine's",
            fix="remove expose.auth, or leave target.options.server out",
        )


RULES = (
    known_version,
    *option_rules.RULES,
    spanned_by_ray,
    image_with_ray,
    one_group,
    even_pods,
    name,
    ports,
    without_ray,
    served_by_ray,
)
"""All rules of this target."""
