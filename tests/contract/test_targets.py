"""What every target must keep, whichever it is: it answers with values, and always with the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from shardwright import registry
from shardwright.core.deployment import Wiring
from shardwright.core.rules import Finding
from shardwright.testing import builders

if TYPE_CHECKING:
    from shardwright.core.deployment import Deployment
    from shardwright.core.plugins import Target

KINDS = sorted(kind for kind, place in registry.TARGETS.items() if place)

RENDER = """
import json, sys
from shardwright import registry
from shardwright.testing import builders
kind = sys.argv[1]
target = registry.load_target(kind)
asked = builders.carried(target, pods={"labels": {"b": "1", "a": "2"}}, storage={"claim": "models"})
manifests = target.render(asked)
print(json.dumps([[m.kind, m.name, m.body] for m in manifests]))
"""


@pytest.fixture(params=KINDS)
def target(request: pytest.FixtureRequest) -> Target:
    return registry.load_target(request.param)


def deployed(target: Target, **overrides: object) -> Deployment:
    return builders.carried(target, **overrides)


def test_a_target_is_registered_by_its_own_name(target: Target) -> None:
    """The name in a recipe, in the registry and of the plug-in are one."""
    assert registry.load_target(target.kind) is target


def test_versions_are_known_oldest_first(target: Target) -> None:
    """The last version is the newest: it is what is rendered when none is given."""
    numbers = [[int(part) for part in version.split(".")] for version in target.versions]
    assert numbers == sorted(numbers)
    assert numbers


def test_wiring_names_everything_that_a_launch_needs(target: Target) -> None:
    """Addresses, ports and the model are always given; only interface and cache may be left to the engine."""
    wired = target.wiring(deployed(target).recipe)
    assert isinstance(wired, Wiring)
    assert all((wired.leader_address, wired.member_index, wired.own_address, wired.model))
    assert wired.serve_port != wired.group_port


def test_findings_have_what_a_reader_needs(target: Target) -> None:
    """Each finding has a rule's name, a place, a message and, where it is an error, a cure."""
    for finding in target.findings(deployed(target, metadata={"name": "Not_A_Label"}, model={"source": "./folder"})):
        assert isinstance(finding, Finding)
        assert finding.id.count(".") == 1
        assert all((finding.path, finding.message))
        assert finding.fix or finding.severity != "error"


def test_manifests_are_plain_json(target: Target) -> None:
    """A body can be written, sent and compared anywhere."""
    for manifest in target.render(deployed(target)):
        assert json.loads(json.dumps(manifest.body)) == manifest.body
        assert all((manifest.kind, manifest.name))


def test_rendering_twice_gives_the_same(target: Target) -> None:
    """No state is kept between two calls."""
    assert target.render(deployed(target)) == target.render(deployed(target))


@pytest.mark.parametrize("kind", KINDS)
def test_rendering_does_not_depend_on_chance(kind: str) -> None:
    """Two processes with different hash seeds, in different time zones, render the same bytes."""
    texts = {
        subprocess.run(
            [sys.executable, "-c", RENDER, kind],
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            check=True,
            capture_output=True,
        ).stdout
        for seed, zone in (("1", "UTC"), ("42", "Asia/Tokyo"))
    }
    assert len(texts) == 1
