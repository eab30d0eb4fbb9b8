"""Rules on blueprints, as `shardwright lint` asks for them: all of a blueprint, its keys too, is judged by rules."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from shardwright.core.manifests.platform import Platform
from shardwright.core.manifests.schema import parse_schema
from shardwright.formats.oci_blueprints import cluster_rules, key_rules, keys, mode_rules, node_rules, service_rules
from shardwright.formats.oci_blueprints.documents import GROUP, KIND

if TYPE_CHECKING:
    from shardwright.core.manifests.schema import Schema

__all__ = ["LINT"]


@functools.cache
def _schema() -> Schema:
    """Two kinds without fields of their own: there is no definition of them in a cluster."""
    kinds = [{"api_version": "", "kind": name, "type": "Any"} for name in (KIND, GROUP)]
    return parse_schema({"kinds": kinds, "types": {"Any": {"*": "any"}, "ObjectMeta": {"*": "any"}}}, {"types": {}})


LINT = Platform(
    "blueprint",
    "OCI AI Blueprints",
    keys.known_releases(),
    schema=_schema,
    rules=(*key_rules.RULES, *mode_rules.RULES, *node_rules.RULES, *cluster_rules.RULES, *service_rules.RULES),
    has_definitions=False,
)
"""All rules on blueprints."""
