"""Quantized checkpoints: methods on a dense model, and those that mixtures of experts come in."""

from __future__ import annotations

from typing import Any, cast

from engine_weight_cases import Case, config
from engine_weight_cases_mixtures import DEEPSEEK_V3, EXPERTS, GPT_OSS, QWEN_NEXT

LLAMA = config("LlamaForCausalLM", "llama", intermediate_size=4096)
QWEN3 = config("Qwen3MoeForCausalLM", "qwen3_moe", **EXPERTS, intermediate_size=4096, head_dim=128, mlp_only_layers=[1])
BLOCKS = {
    "quant_method": "fp8",
    "activation_scheme": "dynamic",
    "fmt": "e4m3",
    "weight_block_size": [128, 128],
    "modules_to_not_convert": [
        "lm_head",
        *(f"model.layers.{layer}.mlp.gate" for layer in range(8)),
        *(f"model.layers.{layer}.linear_attn.in_proj_ba" for layer in range(8)),
    ],
}
FLOAT8 = {"num_bits": 8, "type": "float", "symmetric": True, "dynamic": False, "strategy": "channel"}
TOKENS = {**FLOAT8, "dynamic": True, "strategy": "token"}
INT4 = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": 128}
FLOAT4 = {"num_bits": 4, "type": "float", "symmetric": True, "strategy": "tensor_group", "group_size": 16}
MODELOPT_GROUPS = {"group_0": {"weights": FLOAT4, "input_activations": FLOAT4, "targets": ["Linear"]}}
GROUPS = {"bits": 4, "group_size": 128}
MXFP4 = {
    "quant_method": "mxfp4",
    "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "lm_head"],
}


def quantized(model: dict[str, Any], **section: object) -> dict[str, Any]:
    """The model with this `quantization_config`."""
    return {**model, "quantization_config": section}


def compressed(model: dict[str, Any], form: str, weights: dict[str, Any], **others: object) -> dict[str, Any]:
    """The model as compressed-tensors stores it; `others` may hold `inputs` and further fields."""
    group = {"targets": ["Linear"], "weights": weights, "input_activations": others.pop("inputs", None)}
    section = {"quant_method": "compressed-tensors", "format": form, "config_groups": {"group_0": group}}
    ignored = ["lm_head", r"re:.*mlp\.gate$", *cast("list[str]", others.pop("ignore", []))]
    return quantized(model, **section, ignore=ignored, quantization_status="compressed", **others)


CASES = (
    Case(quantized(LLAMA, quant_method="fp8", activation_scheme="dynamic"), tensor=2),
    Case(quantized(LLAMA, quant_method="fp8", activation_scheme="static"), tensor=4),
    Case(quantized(LLAMA, **BLOCKS), tensor=2),
    Case(quantized(LLAMA, quant_method="gptq", **GROUPS, desc_act=False, sym=True), tensor=2),
    Case(quantized(LLAMA, quant_method="awq", **GROUPS, zero_point=True, version="gemm"), tensor=4),
    Case(
        quantized(
            LLAMA,
            quant_method="fbgemm_fp8",
            activation_scale_ub=1200.0,
            modules_to_not_convert=[f"model.layers.0.self_attn.{name}_proj" for name in "qkvo"],
        ),
        tensor=2,
        arguments={"allow_deprecated_quantization": True},
    ),
    Case(compressed(LLAMA, "float-quantized", FLOAT8, inputs=TOKENS), tensor=2),
    Case(
        compressed(
            LLAMA,
            "float-quantized",
            {**FLOAT8, "strategy": "tensor"},
            inputs={**FLOAT8, "strategy": "tensor"},
            kv_cache_scheme={"num_bits": 8, "type": "float", "dynamic": False, "strategy": "tensor", "symmetric": True},
        ),
        tensor=4,
    ),
    Case(compressed(LLAMA, "int-quantized", {**FLOAT8, "type": "int"}, inputs={**TOKENS, "type": "int"}), tensor=2),
    Case(compressed(LLAMA, "pack-quantized", INT4, ignore=[r"re:.*layers\.0\.mlp.*"]), tensor=4),
    Case(compressed(LLAMA, "pack-quantized", {**INT4, "symmetric": False}), tensor=2),
    Case(compressed(LLAMA, "nvfp4-pack-quantized", FLOAT4, inputs={**FLOAT4, "dynamic": "local"}), tensor=2),
    Case(quantized(LLAMA, quant_method="modelopt", quant_algo="FP8", ignore=["lm_head"]), tensor=2),
    Case(
        quantized(
            LLAMA,
            quant_method="modelopt",
            quant_algo="NVFP4",
            ignore=["lm_head", "model.layers.0.self_attn*"],
            config_groups=MODELOPT_GROUPS,
        ),
        tensor=2,
    ),
    Case(quantized(QWEN3, **BLOCKS), tensor=2),
    Case(quantized(QWEN3, **BLOCKS), tensor=4, expert=True),
    Case(
        quantized(
            {**QWEN3, "mlp_only_layers": []},
            quant_method="awq",
            **GROUPS,
            zero_point=True,
            version="gemm",
            modules_to_not_convert=["mlp.gate"],
        ),
        tensor=2,
    ),
    Case(compressed(QWEN3, "float-quantized", FLOAT8, inputs=TOKENS), tensor=2),
    Case(compressed(QWEN3, "pack-quantized", INT4), tensor=2),
    Case(quantized(DEEPSEEK_V3, **BLOCKS), tensor=2),
    Case(quantized(DEEPSEEK_V3, **BLOCKS), tensor=4, pipeline=2, stage=1, expert=True),
    Case(quantized(QWEN_NEXT, **BLOCKS), tensor=2),
    Case(quantized(GPT_OSS, **MXFP4), tensor=2),
    Case(quantized({**GPT_OSS, "hidden_size": 2880, "intermediate_size": 2880}, **MXFP4), tensor=4),
    Case(quantized(GPT_OSS, **MXFP4), tensor=4, expert=True),
)
