from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shardwright import errors
from shardwright.core.marked import document, secret_values
from shardwright.core.recipe import flags, kinds, read, source
from shardwright.core.recipe.model import Recipe

HEAD = "apiVersion: shardwright.dev/v1\nkind: Recipe\nmetadata: {name: a}\nmodel: {source: b}\nengine: {name: swift}\n"
TOKEN = "hf_" + "aBcD1234" * 4


def faults_of(line: str) -> list[errors.Fault]:
    """What is wrong with a good recipe that has one more section, or that section in place of its own."""
    section = line.partition(":")[0]
    kept = "".join(f"{each}\n" for each in HEAD.splitlines() if not each.startswith(f"{section}:"))
    (found,) = document.parse_documents(kept + line, "f")
    try:
        read.read_recipe(found, engines=["swift", "vllm"], targets=["here"])
    except errors.RecipeError as error:
        return list(error.faults)
    return []


@pytest.mark.parametrize("name", ["a" * 300, "A", "a_b", "-a", "a-", "a.b", "1/2"])
def test_names_are_dns_labels(name: str) -> None:
    """A name that Kubernetes would refuse is one clear fault, however long it is."""
    (fault,) = faults_of(f"metadata: {{name: {name}}}")
    assert fault.path == "metadata.name"
    assert "DNS label" in fault.message
    assert len(fault.message) < 200


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("metadata: {name: a, namespace: A}", "metadata.namespace"),
        ("metadata: {name: a, labels: {-a: b}}", "metadata.labels.-a"),
        ("metadata: {name: a, labels: {x.y/a: b c}}", 'metadata.labels["x.y/a"]'),
        (f"metadata: {{name: a, labels: {{a: {'b' * 64}}}}}", "metadata.labels.a"),
        ("metadata: {name: a, annotations: {a/b/c: x}}", "metadata.annotations.a/b/c"),
        ("pods: {nodeSelector: {a: 'b/c'}}", "pods.nodeSelector.a"),
        ("storage: {claim: My_Claim}", "storage.claim"),
        ("hardware: {resource: gpu}", "hardware.resource"),
        ("engine: {env: {MY-VAR: x}}", "engine.env.MY-VAR"),
    ],
)
def test_names_labels_and_variables_follow_kubernetes(line: str, path: str) -> None:
    """What the platform would refuse later is refused now, at its place."""
    assert [fault.path for fault in faults_of(line)] == [path]


@pytest.mark.parametrize(
    ("flag", "field"),
    [
        ("max-model-len", "workload.maxModelLen"),
        ("max_model_len", "workload.maxModelLen"),
        ("--max-model-len", "workload.maxModelLen"),
        ("tensor-parallel-size", "parallelism.tensor"),
        ("-tp", "parallelism.tensor"),
        ("pp", "parallelism.pipeline"),
        ("pipeline_parallel_size", "parallelism.pipeline"),
        ("data-parallel-size", "parallelism.data"),
        ("enable-expert-parallel", "parallelism.expert"),
        ("no-enable-expert-parallel", "parallelism.expert"),
        ("served-model-name", "model.servedName"),
        ("model", "model.source"),
        ("revision", "model.revision"),
        ("dtype", "model.dtype"),
        ("trust-remote-code", "model.trustRemoteCode"),
        ("distributed-executor-backend", "engine.executor"),
    ],
)
def test_an_engine_flag_that_repeats_a_field_is_a_fault_that_names_it(flag: str, field: str) -> None:
    """Each thing has one place, in every spelling of the engine."""
    (fault,) = faults_of(f"engine: {{args: {{{flag}: 1}}}}")
    assert fault.path == f"engine.args.{flag}"
    assert f"repeats the field {field}" in fault.message


def test_every_repeated_flag_names_a_field_that_exists() -> None:
    """A fault must not send anyone to a field that is not there."""
    for path in flags.REPEATED:
        section, name = path.split(".")
        kind = kinds.fields_of(Recipe)[section].kind
        classes = [each.cls for each in getattr(kind, "kinds", (kind,)) if isinstance(each, kinds.Section)]
        assert [name in kinds.fields_of(cls) for cls in classes] == [True]


@pytest.mark.parametrize(
    ("line", "path", "said"),
    [
        ("engine: {args: {max-num-seqs: 1, max_num_seqs: 2}}", "engine.args.max_num_seqs", "once more"),
        ("engine: {args: {--max-num-seqs: 1}}", "engine.args.--max-num-seqs", 'write "max-num-seqs"'),
        ("hardware: {gpu: A, nodeShape: B}", "hardware.nodeShape", "cannot be set together"),
        ("expose: {auth: {}}", "expose.auth", "one of apiKey and platform"),
        ("expose: {kind: route, ingressClass: nginx}", "expose.ingressClass", "is for kind: ingress"),
        ("expose: {kind: gateway}", "expose", "needs the name of a Gateway"),
        ("target: {kind: here, patches: [{target: {kind: Service}, patch: 3}]}", "target.patches[0].patch", "a list"),
        ("hardware: {gpu: A, pools: [{gpu: B}]}", "hardware.gpu", "move it into the pools"),
        ("hardware: {nodes: 2, pools: [{gpu: B}]}", "hardware.nodes", "move it into the pools"),
        ("hardware: {pools: [{nodes: 2}]}", "hardware.pools[0]", "neither gpu nor nodeShape"),
        ("hardware: {pools: [{gpu: A}, {gpu: B, nodeShape: C}]}", "hardware.pools[1].nodeShape", "together"),
        ("network: {rdma: {devices: [rdma/a], networks: [a, b]}}", "network.rdma.networks", "devices: 1, networks: 2"),
        ("network: {rdma: {devices: []}}", "network.rdma.devices", "there is no device"),
        ("parallelism: {pipeline: 3, layerPartition: [16, 16]}", "parallelism.layerPartition", "2 stages are listed, pipeline is 3"),
        ("pods: {tolerations: [{key: a}, gpu]}", "pods.tolerations[1]", "a toleration is a mapping"),
        ("pods: {affinity: spread}", "pods.affinity", "affinity is a mapping"),
        ("model: {source: a, shape: s3://bucket/x}", "model.shape", "cannot be read by a plan; write hf://OWNER/NAME"),
        ("model: {source: a, shape: hf://a}", "model.shape", "the owner is missing"),
        ("model: {source: gs://a/b}", "model.source", "no known scheme; allowed: hf://OWNER/NAME"),
    ],
)  # fmt: skip
def test_fields_of_a_section_agree(line: str, path: str, said: str) -> None:
    """What contradicts itself is refused whatever the engine and platform."""
    (fault,) = faults_of(line)
    assert fault.path == path
    assert said in f"{fault.message}; {fault.hint}"


@pytest.mark.parametrize(
    "text",
    ["llama-3-8b", "/models/x", "./x", "C:\\models\\x", "hf://a/b.c-1", "pvc://claim", "pvc://claim/a/b", "oci://quay.io:5000/a/b:v1", "s3://bucket/a"],
)  # fmt: skip
def test_sources_have_known_forms(text: str) -> None:
    """Every documented form is read: hub, claim, image, bucket, directory, catalogue."""
    found = source.parse_source(text)
    assert text in {found.place, f"{found.scheme}://{found.place}"}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("hf://gpt2", "the owner is missing"),
        ("hf://a/b@main", "write hf://a/b and model.revision: main"),
        ("hf://a/b/c", ""),
        ("https://huggingface.co/a/b/tree/v2", "write hf://a/b and model.revision: v2"),
        ("hff://a/b", 'did you mean "hf"?'),
        ("pvc://Claim/x", ""),
        ("pvc://claim/../x", ""),
        ("oci://a", ""),
        ("s3://B/x", ""),
    ],
)
def test_a_wrong_source_says_what_to_write(text: str, hint: str) -> None:
    """Common slips have their own hint."""
    with pytest.raises(source.SourceError) as caught:
        source.parse_source(text)
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    "line",
    [
        "engine: {env: {HF_TOKEN: sesame}}",
        "engine: {env: {DB_PASSWORD: sesame}}",
        "engine: {env: {AWS_SECRET_ACCESS_KEY: sesame}}",
        "engine: {env: {myApiKey: sesame}}",
        "engine: {args: {api-key: sesame}}",
        "engine: {args: {hf_token: sesame}}",
        "model: {source: a, token: sesame}",
        f"model: {{source: a, token: {TOKEN}}}",
        f"model: {{source: a, servedName: 'x {TOKEN}'}}",
        f"engine: {{env: {{HF_TOKEN: {TOKEN}, {TOKEN}: x}}}}",
        f"engine: {{args: {{a: [{{b: {TOKEN}}}]}}}}",
        f"metadata: {{name: a, annotations: {{{TOKEN}: x}}}}",
        f"metadata: {{name: {TOKEN}}}",
        f"{TOKEN}: sesame",
        f"kind: {TOKEN}",
        f"workload: {{concurrency: {TOKEN}}}",
        "model: {source: 's3://me:sesame@bucket/x'}",
        f"target: {{kind: {TOKEN}}}",
    ],
)  # fmt: skip
def test_a_secret_is_refused_and_never_printed(line: str) -> None:
    """A recipe ends up in git and in logs, and so do its faults."""
    faults = faults_of(line)
    assert faults
    printed = str(errors.RecipeError(tuple(faults)))
    assert "sesame" not in printed
    assert TOKEN not in printed


@pytest.mark.parametrize("line", [f"engine: {{env: {{HF_TOKEN: {TOKEN}}}}}", f"model: {{source: a, token: {TOKEN}}}"])
def test_a_token_is_one_fault_that_says_where_it_belongs(line: str) -> None:
    """One leak is one fault, whichever rules it breaks."""
    (fault,) = faults_of(line)
    assert "in clear text" in fault.message
    assert "{secret: NAME, key: KEY}" in fault.hint
    assert "model.token" in fault.hint


@pytest.mark.parametrize(
    "line",
    [
        "engine: {env: {HF_TOKEN: {secret: hf-token, key: token}}}",
        "engine: {env: {HF_HUB_DISABLE_IMPLICIT_TOKEN: 1, HF_TOKEN_PATH: /run/token, TOKENIZERS_PARALLELISM: x}}",
        "engine: {env: {HF_HUB_ENABLE_HF_TRANSFER: x, LOADER: hf_transfer, TOKEN: ''}}",
        "engine: {args: {max-num-batched-tokens: 8192, tokenizer-mode: slow, long-prefill-token-threshold: 4}}",
        "workload: {latencyGoal: {timeToFirstTokenSeconds: 1}}",
    ],
)
def test_what_only_sounds_like_a_secret_is_taken(line: str) -> None:
    """Switches, paths and counts of tokens are no secrets."""
    assert faults_of(line) == []


@given(st.text(max_size=80))
def test_shown_values_are_printable_and_short(text: str) -> None:
    """A value cannot break a message or a terminal."""
    found = secret_values.shown(text)
    assert found.isprintable()
    assert len(found) < 800
