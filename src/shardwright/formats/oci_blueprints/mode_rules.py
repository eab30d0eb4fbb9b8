"""Rules on the mode of a blueprint and on its name."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from shardwright.core.marked import secret_values
from shardwright.core.rules.rule import Breach, Rule
from shardwright.formats.oci_blueprints import asked, keys
from shardwright.formats.oci_blueprints.documents import KIND
from shardwright.formats.oci_blueprints.key_rules import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shardwright.core.manifests.objects import Context, Object

__all__ = ["RULES"]

_LONGEST = 60
_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")


def _mode(blueprint: Object, _: Context) -> Iterator[Breach]:
    written = asked.text(blueprint, "recipe_mode")
    if written and keys.mode_of(written) is None:
        near = difflib.get_close_matches(written[:_LONGEST], keys.modes(), n=1)
        message = f"{secret_values.shown(written)} is no mode; modes: {', '.join(keys.modes())}"
        yield Breach(("recipe_mode",), message, written[:_LONGEST], f'did you mean "{near[0]}"?' if near else "")


def _mode_gone(blueprint: Object, _: Context) -> Iterator[Breach]:
    mode = keys.mode_of(asked.mode(blueprint))
    if mode and mode.until:
        message = f"the mode {mode.name} was removed with {mode.until}.0 (2025-04-22)"
        yield Breach(
            ("recipe_mode",), message, mode.name, f"read it here as a recipe for kuberay, or write {mode.instead}"
        )


def _mode_too_new(blueprint: Object, _: Context) -> Iterator[Breach]:
    mode = keys.mode_of(asked.mode(blueprint))
    if mode and mode.since:
        yield Breach(("recipe_mode",), f"the mode {mode.name} came with {mode.since}.0", mode.name)


def _elsewhere(blueprint: Object, _: Context) -> Iterator[Breach]:
    mode = asked.mode(blueprint)
    if keys.mode_of(mode) is None:
        return
    for name in blueprint.value:
        where = keys.modes_of_key(name)
        if where and mode not in where:
            yield Breach((name,), f"{name} has no effect in the mode {mode}; it belongs to {' and '.join(where)}")


def _name(blueprint: Object, _: Context) -> Iterator[Breach]:
    name, mode = blueprint.name, keys.mode_of(asked.mode(blueprint))
    longest = mode.longest_name if mode else 0
    if name and not _LABEL.fullmatch(name):
        message = f"{secret_values.shown(name)} is no DNS label (a-z, 0-9 and -, first a letter)"
        yield Breach(("deployment_name",), message, name[:_LONGEST])
    elif longest and len(name) > longest:
        message = f"the name has {len(name)} characters; {longest} are possible"
        yield Breach(("deployment_name",), message, name[:_LONGEST], "shorten it")


def _twice(blueprint: Object, context: Context) -> Iterator[Breach]:
    alike = [*context.named(KIND, blueprint.name)]
    first = min((each.root.mark for each in alike), default=blueprint.root.mark)
    if len(alike) > 1 and blueprint.root.mark != first and asked.mode(blueprint) != "update":
        message = f"{blueprint.name} is already the deployment at {first.file}:{first.line}"
        yield Breach(("deployment_name",), message, blueprint.name)


RULES = (
    Rule(
        "blueprint.mode-unknown",
        "error",
        (KIND,),
        "recipe_mode is one of the modes",
        "what a blueprint is for decides everything else in it",
        "write one of the modes that the message lists",
        "operator",
        SOURCE,
        _mode,
        requirements=("R084",),
    ),
    Rule(
        "blueprint.mode-removed",
        "warning",
        (KIND,),
        "Modes are those of the installed release",
        "LeaderWorkerSet took the place of Ray clusters",
        "use the mode that replaced it",
        "operator",
        SOURCE,
        _mode_gone,
        since="1.0",
        requirements=("R084",),
    ),
    Rule(
        "blueprint.mode-new",
        "error",
        (KIND,),
        "Modes are those of the installed release",
        "an older release does not know the mode",
        "install a newer release",
        "operator",
        SOURCE,
        _mode_too_new,
        until="1.0",
    ),
    Rule(
        "blueprint.key-without-effect",
        "warning",
        (KIND,),
        "Keys belong to the blueprint's mode",
        "other modes do not read them",
        "remove it, or change recipe_mode",
        "practice",
        SOURCE,
        _elsewhere,
    ),
    Rule(
        "blueprint.name-invalid",
        "error",
        (KIND,),
        "deployment_name is a DNS label, short enough for what is made of it",
        "it becomes the name of objects and a part of host names",
        "use a-z, 0-9 and -, first a letter, last a letter or digit",
        "kubernetes",
        SOURCE,
        _name,
        requirements=("R086",),
    ),
    Rule(
        "blueprint.name-twice",
        "error",
        (KIND,),
        "deployment_name is used once",
        "two deployments of one name would share objects and host names",
        "give it another name",
        "operator",
        SOURCE,
        _twice,
        requirements=("R086",),
    ),
)
"""All rules on modes and names."""
