from __future__ import annotations

import os
import subprocess
import sys

import pytest

from shardwright.targets.kserve import find_index


def test_addresses_are_in_the_order_of_their_numbers() -> None:
    """Every worker sees the same order, whatever the resolver's is."""
    assert find_index.addresses_of("127.0.0.1") == ["127.0.0.1"]
    assert find_index.addresses_of("no-such-name.invalid") == []


def test_a_worker_starts_the_engine_with_its_index_in_place_of_the_mark() -> None:
    """The program is run as it is rendered: by the image's Python, with the engine's command after it."""
    environment = {**os.environ, "POD_IP": "127.0.0.1", "WORKER_SVC": "127.0.0.1", "MEMBER_INDEX": "@index@"}
    engine = [sys.executable, "-c", "import sys; print(sys.argv[1:])", "--node-rank", "@index@"]
    done = subprocess.run(
        [sys.executable, find_index.__file__, "1", *engine],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.stdout.splitlines()[-1] == "['--node-rank', '1']"


@pytest.mark.parametrize(("count", "own"), [("2", "127.0.0.1"), ("1", "127.0.0.2")])
def test_nothing_starts_before_all_addresses_are_there(count: str, own: str) -> None:
    """A place among a part of the workers would be another's too."""
    environment = {**os.environ, "POD_IP": own, "WORKER_SVC": "127.0.0.1", "MEMBER_INDEX": "@index@"}
    argv = [sys.executable, find_index.__file__, count, "echo", "started"]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE) as waiting:
        assert waiting.stdout
        said = waiting.stdout.readline()
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=1)
        waiting.kill()
        rest = waiting.stdout.read()
    assert b"workers have an address" in said
    assert b"started" not in rest
