"""The launcher of vLLM on a CPU with the real engine: a warm parent, forked hosts, and what is left when they die."""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shardwright.core.layout import Layout
from shardwright.core.shape.families import shape_of
from shardwright.core.twin import Twin, twin_config
from shardwright.engines.vllm.build import BUILD
from shardwright.models.twin_files import write_twin

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration

FLAGS = ("--served-model-name=twin", "--max-model-len=256", "--max-num-seqs=4", "--max-num-batched-tokens=256")
CPU_FLAGS = ("--kv-cache-memory-bytes=33554432", '--compilation-config={"backend":"eager"}', "--dtype=float32")
ENGINE = {
    "HF_HUB_OFFLINE": "1",
    "OMP_NUM_THREADS": "1",
    "PATH": os.environ["PATH"],
    "TORCHDYNAMO_DISABLE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_USE_AOT_COMPILE": "0",
}
LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "max_position_embeddings": 8192,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}
PROMPTS = ("Hello, world", "0123456789")
PREFIX = f"launcher{os.getpid()}"
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root makes namespaces")


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a socket in the file system, which network namespaces do not part."""

    def connect(self) -> None:
        """Connect to the path that is given as the host."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.host)


class Warm:
    """A warm parent and the other end of its socket."""

    def __init__(self, python: str, folder: Path) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(120)
        command = [python, BUILD.launcher, "warm", str(theirs.fileno())]
        with theirs, (folder / "warm.log").open("ab") as log:
            self.process = subprocess.Popen(
                command, env=ENGINE, stdout=log, stderr=log, pass_fds=[theirs.fileno()], start_new_session=True
            )
        self.warm = self.event()

    def event(self) -> dict[str, Any]:
        """The next thing it says; empty when it is gone."""
        return json.loads(self.control.recv(1 << 18) or b"{}")

    def close(self) -> int:
        """Close the socket, upon which it ends everything and itself; its exit code."""
        self.control.close()
        return self.process.wait(timeout=30)


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """Where one launcher runs."""

    folder: Path
    address: str = "127.0.0.1"
    interface: str = "lo"
    first_process: int | None = None

    def environment(self) -> dict[str, str]:
        """All variables of its launcher."""
        temporary = self.folder / "t"
        temporary.mkdir(parents=True, exist_ok=True)
        own = {"TMPDIR": str(temporary), "VLLM_RPC_BASE_PATH": str(temporary), "VLLM_HOST_IP": self.address}
        cache = str(self.folder.parent / "cache")
        return ENGINE | own | {"GLOO_SOCKET_IFNAME": self.interface, "VLLM_CACHE_ROOT": cache}

    def names(self) -> dict[str, int]:
        """Name and pid of each process that has told them."""
        lines = (self.folder / "processes").read_text().splitlines()
        return {entry["name"]: entry["pid"] for entry in map(json.loads, lines)}

    def order(self, argv: tuple[str, ...]) -> dict[str, object]:
        """What the warm parent is asked for."""
        environment = self.environment()
        files = {"log": str(self.folder / "log"), "processes": str(self.folder / "processes")}
        start = {"id": self.folder.name, "argv": list(argv), "env": environment, "enter": self.first_process}
        return {"start": start | files | {"shared_memory_prefix": PREFIX, "folder": "/"}}


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """Launchers that serve one model together."""

    hosts: tuple[Host, ...]
    pids: tuple[int, ...]
    texts: tuple[str, ...]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the engine learns once about a model's code."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def folder(cache: Path) -> Iterator[Path]:
    """A folder with a path short enough for sockets."""
    path = Path(tempfile.mkdtemp(prefix="swt-"))
    (path / "cache").symlink_to(cache)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def warm(python: str, folder: Path) -> Iterator[Warm]:
    """A warm parent, ended afterwards with all that it started; what it may leave in /dev/shm is removed."""
    parent = Warm(python, folder)
    yield parent
    if parent.process.returncode is None:
        parent.close()
    for path in Path("/dev/shm").glob(f"{PREFIX}*"):
        path.unlink()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A twin of a Llama in four layers and two tensor-parallel ranks."""
    layout = Layout(tensor=2, pipeline=2, nodes=2, gpus_per_node=2, stages=(16, 16))
    twin = twin_config(shape_of(LLAMA, name="llama", source="test"), layout, 64 << 30)
    assert isinstance(twin, Twin)
    return write_twin(twin, tmp_path_factory.mktemp("models"))


@pytest.fixture
def hosts(folder: Path) -> Iterator[tuple[Host, Host]]:
    """Two hosts with namespaces of their own and a cable between them."""
    script = "mount -t tmpfs tmpfs /dev/shm && ip link set lo up && echo up && exec sleep infinity"
    command = ["unshare", "--net", "--pid", "--ipc", "--uts", "--mount", "--mount-proc", "--fork", "--kill-child"]
    makers = [subprocess.Popen([*command, "sh", "-c", script], stdout=subprocess.PIPE) for _ in range(2)]
    assert [maker.stdout.readline() for maker in makers if maker.stdout] == [b"up\n"] * 2
    inside = [int(Path(f"/proc/{maker.pid}/task/{maker.pid}/children").read_text()) for maker in makers]
    ends = [f"eth0 netns {inside[0]}", f"peer name eth0 netns {inside[1]}"]
    subprocess.run(f"ip link add {ends[0]} type veth {ends[1]}".split(), check=True)
    for index, pid in enumerate(inside):
        for words in (f"addr add 10.9.9.{index + 1}/24 dev eth0", "link set eth0 up"):
            subprocess.run(f"nsenter --target={pid} --net ip {words}".split(), check=True)
    yield (Host(folder / "h0", "10.9.9.1", "eth0", inside[0]), Host(folder / "h1", "10.9.9.2", "eth0", inside[1]))
    for maker in makers:
        maker.kill()
        maker.communicate()


def commands(model: Path, hosts: tuple[Host, ...], tensor: int = 1) -> list[tuple[str, ...]]:
    """What each host runs: the leader serves on a socket in its folder, the others are headless."""
    pipeline = (f"--pipeline-parallel-size={len(hosts)}", f"--tensor-parallel-size={tensor}")
    common = ("serve", str(model), *FLAGS, *CPU_FLAGS, *pipeline)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    spread = (f"--nnodes={len(hosts)}", f"--master-addr={hosts[0].address}", f"--master-port={port}")
    last = ("--uds", str(hosts[0].folder / "api"))
    if len(hosts) == 1:
        return [(*common, *last)]
    return [(*common, *spread, f"--node-rank={i}", *(("--headless",) if i else last)) for i in range(len(hosts))]


def start(warm: Warm, model: Path, hosts: tuple[Host, ...], tensor: int = 1) -> Group:
    """A group that has answered."""
    for host, argv in zip(hosts, commands(model, hosts, tensor), strict=True):
        host.environment()
        warm.control.send(json.dumps(host.order(argv)).encode())
    pids = tuple(warm.event()["pid"] for _ in hosts)
    return Group(hosts, pids, answers(hosts[0].folder / "api"))


def answers(api: Path, seconds: float = 120) -> tuple[str, ...]:
    """Greedy texts, as soon as the server serves."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            return tuple(complete(api, prompt) for prompt in PROMPTS)
        time.sleep(0.1)
    raise TimeoutError((api.parent / "log").read_text()[-3000:])


def complete(api: Path, prompt: str) -> str:
    """One answer of sixteen tokens."""
    body = {"model": "twin", "prompt": prompt, "max_tokens": 16, "temperature": 0, "ignore_eos": True}
    with contextlib.closing(UnixConnection(str(api), timeout=60)) as connection:
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        answer = json.loads(connection.getresponse().read())
    return answer["choices"][0]["text"]


def living(pids: set[int]) -> set[int]:
    """Those that still run; a zombie does not."""
    found: set[int] = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}:
                found.add(pid)
    return found


def wait_until_gone(pids: set[int], seconds: float = 10) -> set[int]:
    """Wait for their end; who is still there."""
    deadline = time.monotonic() + seconds
    while living(pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    return living(pids)


def test_hosts_answer_like_one_process(warm: Warm, model: Path, folder: Path) -> None:
    """A pipeline over two hosts, forked from one parent, chooses the same tokens as one process."""
    one = start(warm, model, (Host(folder / "one"),))
    two = start(warm, model, (Host(folder / "a"), Host(folder / "b", "127.0.0.2")))
    assert warm.warm["threads"] == 1
    assert two.texts == one.texts
    assert len(set(one.texts)) == len(PROMPTS)
    assert [sorted(host.names()) for host in two.hosts] == [
        ["EngineCore", "VllmWorker-0", "launcher"],
        ["VllmWorker-1", "launcher"],
    ]
    assert "mq_connect_ip=127.0.0.1" in (folder / "a/log").read_text()
    assert two.hosts[1].names()["launcher"] == two.pids[1]


@AS_ROOT
def test_four_ranks_on_two_hosts(warm: Warm, model: Path, folder: Path, hosts: tuple[Host, Host]) -> None:
    """Two ranks on each of two hosts, in namespaces, answer alike; ranks are counted over all hosts, pids inside each."""
    one = start(warm, model, (Host(folder / "one"),))
    four = start(warm, model, hosts, tensor=2)
    assert four.texts == one.texts
    names = [host.names() for host in hosts]
    assert [name for each in names for name in sorted(each) if name.startswith("Vllm")] == [
        f"VllmWorker-{i}" for i in range(4)
    ]
    assert max(pid for each in names for pid in each.values()) < min(four.pids)


def unnamed_memory() -> set[str]:
    """Shared memory that carries no run's prefix."""
    return {path.name for path in Path("/dev/shm").iterdir() if path.name.startswith(("psm_", "vllm_dist"))}


def test_a_killed_rank_ends_its_launcher(warm: Warm, model: Path, folder: Path) -> None:
    """The death of a rank ends its own host's launcher and is told; the rest ends with the socket, and nothing stays."""
    before = unnamed_memory()
    group = start(warm, model, (Host(folder / "a"), Host(folder / "b", "127.0.0.2")))
    everyone = {pid for host in group.hosts for pid in host.names().values()}
    os.kill(group.hosts[1].names()["VllmWorker-1"], signal.SIGKILL)
    assert warm.event()["id"] == "b"
    assert "Worker proc VllmWorker-1 died" in (folder / "b/log").read_text()
    assert living({group.pids[0]})
    assert warm.close() == 0
    assert wait_until_gone(everyone) == set()
    assert unnamed_memory() <= before


@pytest.mark.parametrize("victim", ["warm parent", "launcher", "EngineCore"])
def test_death_is_passed_down(victim: str, warm: Warm, model: Path, folder: Path) -> None:
    """Whoever is killed takes along what it forked, at once, also without namespaces."""
    group = start(warm, model, (Host(folder / "a"),))
    names = group.hosts[0].names()
    below = {"warm parent": set(names), "launcher": {"EngineCore", "VllmWorker-0"}, "EngineCore": {"VllmWorker-0"}}
    os.kill(warm.process.pid if victim == "warm parent" else names[victim], signal.SIGKILL)
    assert wait_until_gone({names[name] for name in below[victim]}, seconds=2) == set()


@AS_ROOT
def test_how_a_launcher_ends_is_told(warm: Warm, folder: Path, hosts: tuple[Host, Host]) -> None:
    """Exit codes and signals come through a namespace as they are without one."""
    ended: list[tuple[object, object]] = []
    for host in (Host(folder / "plain"), hosts[0]):
        host.environment()
        warm.control.send(json.dumps(host.order(("serve", "--no-such-flag"))).encode())
        warm.event()
        told = warm.event()
        ended.append((told["code"], told["signal"]))
    assert ended == [(2, None), (2, None)]
    assert "no-such-flag" in (hosts[0].folder / "log").read_text()


def test_forking_changes_nothing(python: str, model: Path, folder: Path, warm: Warm) -> None:
    """Started by hand, with processes spawned as vLLM does it, the engine gives the same texts under the same rules."""
    host = Host(folder / "hand")
    rules = {"SHARDWRIGHT_PROCESSES": str(folder / "hand/processes"), "SHARDWRIGHT_SHARED_MEMORY_PREFIX": PREFIX}
    environment = host.environment() | rules
    command = [python, BUILD.launcher, "run", "--spawn", "--", *commands(model, (host,))[0]]
    with (folder / "hand/log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        texts = answers(folder / "hand/api")
        everyone = set(host.names().values())
        assert len(everyone) == 3
        assert texts == start(warm, model, (Host(folder / "one"),)).texts
    finally:
        process.kill()
        process.wait()
    assert wait_until_gone(everyone) == set()
