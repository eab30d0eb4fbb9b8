"""The real vLLM understands the command lines that we emit, as we meant them; on a CPU it makes its configuration of them."""

from __future__ import annotations

import json
import random
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shardwright import errors, registry, settings
from shardwright.core.plan.types import Plan
from shardwright.engines.vllm.build import BUILD
from shardwright.local import engine_environments
from shardwright.service import deploying, planning, recipes

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment, Launch

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

SEED = 20261121
COUNT = 200
CONFIGURED = 40
PROGRAM = Path(__file__).with_name("vllm_arguments.py")
HUB = settings.HubSettings("https://hub.invalid", offline=True)
MODELS = ("llama-3-8b", "llama-3.1-8b", "llama-3.3-70b", "mixtral-8x7b", "mistral-7b", "falcon-40b", "deepseek-v3")
GPUS = (("A10G", 1), ("A10G", 4), ("L40S", 4), ("A100-80GB", 8), ("H100", 8), ("H200", 8), ("L4", 2))
ARGS: dict[str, tuple[Any, ...]] = {
    "allowed-origins": (["*"], ["https://a.example", "https://b.example"]),
    "api-key": ("abc",),
    "async-scheduling": (True, False),
    "block-size": (16, 32),
    "chat-template": ("{{ messages }}",),
    "compilation-config": ({"cudagraph_mode": "NONE"}, {"cudagraph_capture_sizes": [1, 2, 4]}),
    "disable-log-stats": (True,),
    "enable-auto-tool-choice": (True,),
    "enable-chunked-prefill": (True, False),
    "enable-prefix-caching": (True, False),
    "enforce-eager": (True, False),
    "generation-config": ("vllm",),
    "gpu-memory-utilization": (0.8, 0.95),
    "hf-overrides": ({"rope_theta": 1000000.0},),
    "kv-cache-dtype": ("auto", "fp8"),
    "kv-cache-memory-bytes": ("4Gi", 2147483648),
    "load-format": ("auto", "dummy"),
    "max-logprobs": (5, -1),
    "middleware": (["a.b", "c.d"],),
    "cudagraph-capture-sizes": ([1, 2, 4],),
    "lora-modules": ([{"name": "a", "path": "/a"}, {"name": "b", "path": "/b"}],),
    "max-num-batched-tokens": (2048, 8192),
    "max-num-seqs": (1, 64, 256),
    "quantization": ("fp8",),
    "scheduling-policy": ("priority",),
    "seed": (0, 7),
    "tool-call-parser": ("llama3_json",),
    "uvicorn-log-level": ("warning",),
}
CPU_ARGS = (
    "async-scheduling",
    "disable-log-stats",
    "enable-prefix-caching",
    "enforce-eager",
    "max-logprobs",
    "max-num-batched-tokens",
    "max-num-seqs",
    "scheduling-policy",
    "seed",
)
SMALL: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "dtype": "bfloat16",
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "vocab_size": 1024,
    "max_position_embeddings": 4096,
}


def on_gpus(draw: random.Random) -> dict[str, Any]:
    """A recipe for nodes with GPUs; whether anything fits is the plan's to say."""
    gpu, per_node = draw.choice(GPUS)
    nodes = draw.choice((1, 1, 2, 4))
    model: dict[str, Any] = {"source": draw.choice(MODELS)}
    if draw.random() < 0.3:
        model["servedName"] = draw.choice(("a model", "org/name", "name-1.5", "-dash"))
    if draw.random() < 0.2:
        model |= {"trustRemoteCode": True, "dtype": draw.choice(("bfloat16", "float16"))}
    if draw.random() < 0.15:
        model["loraSlots"] = draw.choice((1, 4))
    if draw.random() < 0.15:
        model["draft"] = {"source": model["source"] if "deepseek" in model["source"] else "llama-3-8b", "tokens": 3}
    document: dict[str, Any] = {
        "model": model,
        "hardware": {"gpu": gpu, "gpusPerNode": per_node, "nodes": nodes},
        "workload": {"maxModelLen": draw.choice((1024, 4096)), "concurrency": draw.choice((1, 16))},
        "target": {"kind": "lws"},
        "engine": {"version": "0.32.0", "args": drawn_args(draw, tuple(ARGS))},
    }
    if draw.random() < 0.6:
        document["parallelism"] = drawn_layout(draw, per_node * nodes)
    return document


def drawn_layout(draw: random.Random, gpus: int) -> dict[str, Any]:
    """Sizes that use all GPUs, with copies and whole experts now and then."""
    tensor = draw.choice([size for size in (1, 2, 4, 8) if gpus % size == 0])
    data = draw.choice([size for size in (1, 1, 1, 2) if gpus % (tensor * size) == 0])
    return {"tensor": tensor, "data": data, "pipeline": gpus // tensor // data, "expert": draw.random() < 0.3}


def drawn_args(draw: random.Random, names: tuple[str, ...]) -> dict[str, Any]:
    """Up to six flags."""
    chosen = draw.sample(names, draw.randint(0, 6))
    if "enable-auto-tool-choice" in chosen and "tool-call-parser" not in chosen:
        chosen.append("tool-call-parser")  # vLLM wants both
    return {name: draw.choice(ARGS[name]) for name in chosen}


def small(draw: random.Random, folder: Path) -> dict[str, Any]:
    """A recipe for one or two ranks of a small model, on processors or on GPUs of one node."""
    tensor, pipeline = draw.choice(((1, 1), (2, 1), (1, 2)))
    gpu = draw.choice(({"gpu": "cpu", "gpuMemory": "4Gi"}, {"gpu": "L40S"}))
    return {
        "model": {"source": str(folder)},
        "hardware": {**gpu, "gpusPerNode": tensor * pipeline},
        "workload": {"maxModelLen": draw.choice((512, 2048)), "concurrency": draw.choice((1, 8))},
        "parallelism": {"tensor": tensor, "pipeline": pipeline},
        "target": {"kind": "local" if gpu["gpu"] == "cpu" else "lws"},
        "engine": {"version": "0.32.0", "args": drawn_args(draw, CPU_ARGS)},
    }


def deployment(document: dict[str, Any]) -> Deployment | None:
    """The deployment of a recipe; None where nothing fits or our own rules refuse it."""
    whole = {"apiVersion": "shardwright.dev/v1", "kind": "Recipe", "metadata": {"name": "test"}, **document}
    try:
        result = planning.plan_loaded(recipes.recipe_of_values(whole, "a test"), HUB)
        if not isinstance(result, Plan):
            return None
        return deploying.deployment_of(result, registry.load_target(document["target"]["kind"]))
    except errors.RecipeError:
        return None


def case(launch: Launch, *, configure: bool = False) -> dict[str, Any]:
    """A command line with what the platform fills in, and the variables that its flags go with."""
    indices, address = {"leader": "0", "worker": "1"}, "127.0.0.1"
    argv = [re.sub(r"\$\(\w*(?:INDEX|RANK)\w*\)", indices[launch.role], part) for part in launch.argv[1:]]
    argv = [re.sub(r"\$\(\w*PORT\w*\)", "29501", part) for part in argv]
    environment = {
        one.name: one.value for one in launch.environment if isinstance(one.value, str) and "$(" not in one.value
    }
    return {
        "argv": [re.sub(r"\$\(\w+\)", address, part) for part in argv],
        "environment": {
            name: value for name, value in environment.items() if not name.startswith(("HF_", "VLLM_HOST"))
        },
        "configure": configure,
    }


def asked(cases: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What vLLM makes of them, all in one process."""
    folder = settings.load_settings().engines_dir
    python = engine_environments.find(folder, BUILD).python
    done = subprocess.run(
        [str(python), str(PROGRAM)], input=json.dumps(cases), capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr[-3000:]
    answers: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return answers


def wrong(made: Deployment, launch: Launch, answer: dict[str, Any]) -> str:
    """Where vLLM understood something else than was planned; empty where it did not."""
    if "error" in answer:
        return f"{' '.join(launch.argv)}: {answer['error']}"
    layout, plan_settings = made.plan.layout, dict(made.plan.engine.settings)
    meant = {
        "tensor_parallel_size": layout.tensor,
        "pipeline_parallel_size": layout.pipeline,
        "data_parallel_size": layout.data,
        "enable_expert_parallel": layout.expert,
        "nnodes": layout.nodes,
        "headless": launch.role == "worker",
        "name": [made.recipe.served_name],
        **{name.replace("-", "_"): plan_settings[name] for name in ("max-model-len", "max-num-seqs")},
    }
    differing = {name: (answer[name], value) for name, value in meant.items() if answer[name] != value}
    return f"{' '.join(launch.argv)}: understood and meant: {differing}" if differing else ""


def test_the_real_parser_understands_what_two_hundred_recipes_emit() -> None:
    """Layouts, flags, lists, objects and odd names come out as they were meant, for leaders and workers."""
    draw = random.Random(SEED)  # noqa: S311 - the same recipes every time
    made: list[Deployment] = []
    for _ in range(20 * COUNT):
        found = deployment(on_gpus(draw))
        made += [found] if found else []
        if len(made) == COUNT:
            break
    assert len(made) == COUNT
    launches = [(one, launch) for one in made for launch in (one.leader, one.worker) if launch is not None]
    answers = asked([case(launch) for _, launch in launches])
    found_wrong = [wrong(*one, answer) for one, answer in zip(launches, answers, strict=True)]
    assert [text for text in found_wrong if text] == []


def test_the_real_configuration_is_made_where_a_cpu_allows(tmp_path: Path) -> None:
    """World size, length, sequences and tokens of vLLM's configuration are the plan's."""
    (tmp_path / "config.json").write_text(json.dumps(SMALL), "utf-8")
    draw = random.Random(SEED)  # noqa: S311 - the same recipes every time
    made = [one for one in (deployment(small(draw, tmp_path)) for _ in range(CONFIGURED)) if one is not None]
    assert len(made) > CONFIGURED // 2
    answers = asked([case(one.leader, configure=True) for one in made])
    assert [text for one, answer in zip(made, answers, strict=True) if (text := wrong(one, one.leader, answer))] == []
    for one, answer in zip(made, answers, strict=True):
        planned = dict(one.plan.engine.settings)
        assert answer["configured"] == {
            "world": one.plan.layout.world_size,
            "length": planned["max-model-len"],
            "sequences": planned["max-num-seqs"],
            "tokens": planned["max-num-batched-tokens"],
        }
