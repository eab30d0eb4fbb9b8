"""The Job that fetches a model into the claim, with what the engine's image has: nothing is installed at run time.

From the hub it runs the image's own `hf download`; from a bucket or a pre-authenticated request a program for the
image's own Python (`fetch_objects`); an image that holds a model copies its own folder. Each prints the size of every
file and the total, and leaves the mark only where no file of the index is missing. The engine's image has to be pulled on
these nodes anyway. Every command works as any user number, because HOME is a volume.
Source of the flags: huggingface_hub 2.4.0, `hf download --help`, and 0.34, whose `hf` takes the same ones. Images with a
model in `/models` are what KServe calls modelcars; they have a shell.
"""

from __future__ import annotations

import functools
import json
import posixpath
from importlib import resources
from typing import TYPE_CHECKING

from shardwright.core.deployment import Variable
from shardwright.core.recipe.model import KeyRef
from shardwright.kubernetes.render import dump, labels, pods, sources, storage
from shardwright.kubernetes.render.objects import Job, JobSpec
from shardwright.kubernetes.render.podspec import Container, EnvVar, Resources

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.recipe import Recipe

__all__ = ["download_job"]

# Copies of the weights in the publisher's own format; engines that read a repository leave this folder out.
_NOT_NEEDED = "original/*"

_LIST = """import json, os, pathlib, sys
base = pathlib.Path(os.environ["HF_HOME"], "hub", "models--" + sys.argv[1].replace("/", "--"))
ref = base / "refs" / sys.argv[2]
at = base / "snapshots" / (ref.read_text().strip() if ref.exists() else sys.argv[2])
sizes = {str(each.relative_to(at)): each.stat().st_size for each in sorted(at.rglob("*")) if each.is_file()}
for name, size in sizes.items():
    print(f"{size:16,d}  {name}")
print(f"{sum(sizes.values()):16,d}  bytes in {len(sizes)} files")
index = at / "model.safetensors.index.json"
wanted = set(json.loads(index.read_text())["weight_map"].values()) if index.exists() else set()
sys.exit("files of the index are missing: " + ", ".join(sorted(wanted - set(sizes))) if wanted - set(sizes) else 0)
"""
"""Shows each file with its size, and the total; fails where the index of the weights names one that is not there."""
_FROM_HUB = 'list=$1 && shift && hf download "$@" && python3 -c "$list" "$1" "$3" && touch "$DONE_FILE"'
_FROM_STORE = 'python3 -c "$@" && touch "$DONE_FILE"'
_FROM_IMAGE = 'mkdir -p "$1" && cp -R /models/. "$1" && du -ah "$1" && touch "$DONE_FILE"'
_RESOURCES = Resources(requests={"cpu": "1", "memory": "2Gi"}, limits={"cpu": "2", "memory": "4Gi"})

_NETWORK_VARIABLES = {
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
}
_NOT_FOR_DOWNLOAD = {"HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN", "HUGGINGFACE_HUB_CACHE"}
_TOKEN_NAMES = {"hub": "HF_TOKEN", "request": "MODEL_REQUEST"}


def download_job(deployment: Deployment) -> Job | None:
    """The Job that fetches the model into the claim, if one is to.

    A Job cannot be changed once it is there, so its name carries a digest of all that it does: the same work has the
    same name, other work is another Job.
    """
    recipe = deployment.recipe
    claim = recipe.storage.claim
    if claim is None or not sources.has_download(recipe):
        return None
    spec = JobSpec(
        backoff_limit=3,
        template=pods.template(
            deployment,
            "download",
            {},
            containers=(_fetching(deployment),),
            volumes=(pods.HOME_VOLUME, storage.volume_of(claim, read_only=None)),
        ),
    )
    digest = storage.digest_of(json.dumps(dump.as_tree(spec), sort_keys=True))
    name = f"{recipe.metadata.name[:45].rstrip('-')}-download-{digest}"
    return Job(metadata=labels.metadata(deployment, name, "download"), spec=spec)


def _fetching(deployment: Deployment) -> Container:
    recipe = deployment.recipe
    found = sources.source_of(recipe)
    folder = posixpath.join(recipe.storage.cache_dir, found.path)
    if found.kind == "hub":
        wanted = (found.name, "--revision", recipe.model.revision or storage.DEFAULT_REVISION, "--exclude", _NOT_NEEDED)
        return _container(deployment, ("sh", "-c", _FROM_HUB, "download", _LIST, *wanted))
    if found.kind == "image":
        image = found.name.removeprefix("oci://")
        return _container(deployment, ("sh", "-c", _FROM_IMAGE, "download", folder), image=image)
    command = ("sh", "-c", _FROM_STORE, "download", _program(), found.name, folder)
    return _container(deployment, command)


def _container(deployment: Deployment, command: tuple[str, ...], *, image: str = "") -> Container:
    recipe = deployment.recipe
    hub = (
        EnvVar(name="HF_HOME", value=recipe.storage.cache_dir),
        EnvVar(name="HF_HUB_DISABLE_UPDATE_CHECK", value="1"),
    )
    own = (*pods.HOME_VARIABLES, *hub, storage.done_file(recipe))
    return Container(
        name="download",
        image=image or deployment.image,
        command=command,
        env=pods.environment(own, _access(recipe)),
        resources=_RESOURCES,
        security_context=pods.security_context(recipe.pods),
        volume_mounts=(pods.HOME_MOUNT, storage.mount_of(recipe, read_only=None)),
    )


def _access(recipe: Recipe) -> tuple[Variable, ...]:
    """What reaches the source: its credential, and the recipe's variables on endpoint, proxies and certificates."""
    kind = sources.source_of(recipe).kind
    name = _TOKEN_NAMES.get(kind)
    token = (Variable(name, recipe.model.token),) if name and recipe.model.token else ()
    given = (Variable(name, value) for name, value in recipe.engine.env.items() if _is_for_download(kind, name, value))
    return (*token, *given)


def _is_for_download(kind: str, name: str, value: str | KeyRef) -> bool:
    if name == "HF_TOKEN":
        return isinstance(value, KeyRef)
    if name.startswith("AWS_"):
        return kind == "bucket"
    return name.upper() in _NETWORK_VARIABLES or (name.startswith("HF_") and name not in _NOT_FOR_DOWNLOAD)


@functools.cache
def _program() -> str:
    """The program for the image's Python, less what only its readers need."""
    text = resources.files("shardwright.kubernetes.render").joinpath("fetch_objects.py").read_text("utf-8")
    return text[text.index("from __future__") :]
