"""A stand-in for an engine: real processes that announce themselves, meet over the network and serve HTTP at once.

`local_fake_engine.py warm FD` is a warm parent; `local_fake_engine.py serve` is one member, which reads its place in the
group from its environment. `FAKE_*` variables make it misbehave. Like real engines it leaves workers behind when it is
killed, and files in shared memory and in its temporary folder.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pathlib
import signal
import socket
import sys
import time


def announce(name: str) -> None:
    line = json.dumps({"name": name, "pid": os.getpid()}).encode() + b"\n"
    with pathlib.Path(os.environ["SHARDWRIGHT_PROCESSES"]).open("ab", buffering=0) as target:
        target.write(line)


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def start_worker(rank: int) -> int:
    """A worker of its own session, as hard to find as can be, with a helper that announces nothing."""
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    announce(f"VllmWorker-{rank}")
    prefix = os.environ["SHARDWRIGHT_SHARED_MEMORY_PREFIX"]
    for name in (f"{prefix}-rank{rank}", f"sem.{prefix}-rank{rank}"):
        pathlib.Path("/dev/shm", name).write_bytes(b"x" * 4096)
    pathlib.Path(os.environ["TMPDIR"], f"rank{rank}").write_bytes(b"x")
    if os.fork() == 0:
        time.sleep(3600)
    while True:
        signal.pause()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers every GET with nothing, `/where` with what a process of this host sees, a completion with its prompt."""

    def do_GET(self) -> None:
        """Health and everything else."""
        self._answer(where() if self.path == "/where" else {})

    def do_POST(self) -> None:
        """The prompt, backwards."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer({"choices": [{"text": asked["prompt"][::-1]}]})

    def _answer(self, content: dict[str, object]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class calls it so
        """One line in the log for each request."""
        say(format % arguments)


PEERS: dict[str, str] = {}


def where() -> dict[str, object]:
    return {
        "hostName": socket.gethostname(),
        "sharedMemory": sorted(path.name for path in pathlib.Path("/dev/shm").iterdir()),
        "pids": sorted(int(path.name) for path in pathlib.Path("/proc").iterdir() if path.name.isdigit()),
        "interfaces": sorted(name for _, name in socket.if_nameindex()),
        "peers": PEERS,
        "variables": dict(os.environ),
        "folder": str(pathlib.Path.cwd()),
    }


def meet(index: int, hosts: int) -> list[socket.socket]:
    """The leader hears from all others what they are called; the connections stay open."""
    place = (os.environ["SHARDWRIGHT_LEADER_ADDRESS"], int(os.environ["SHARDWRIGHT_GROUP_PORT"]))
    if index:
        while True:
            with contextlib.suppress(OSError):
                connection = socket.create_connection(place, timeout=5)
                connection.sendall(json.dumps([index, socket.gethostname()]).encode())
                return [connection]
            time.sleep(0.02)
    with socket.create_server(place) as server:
        connections = [server.accept()[0] for _ in range(hosts - 1)]
    for connection in connections:
        number, name = json.loads(connection.recv(1000))
        PEERS[f"{number}:{connection.getpeername()[0]}"] = name
    return connections


def serve() -> None:
    index, hosts, ranks = (int(os.environ[name]) for name in ("SHARDWRIGHT_MEMBER_INDEX", "FAKE_HOSTS", "FAKE_RANKS"))
    announce("launcher")
    say(f"starting member {index}")
    if os.environ.get("FAKE_FAIL") == str(index):
        say("RuntimeError: out of luck")
        sys.exit(3)
    workers = [start_worker(rank) for rank in range(index * ranks, (index + 1) * ranks)]
    if "FAKE_HELPER" in os.environ and os.fork() == 0:
        announce("helper")
        time.sleep(0.3)
        os._exit(0)
    held = meet(index, hosts)
    say(f"member {index} holds {len(workers)} workers and {len(held)} connections")
    time.sleep(float(os.environ.get("FAKE_LOAD_SECONDS", "0")))
    if index:
        signal.pause()
    address = os.environ["SHARDWRIGHT_OWN_ADDRESS"], int(os.environ["SHARDWRIGHT_SERVE_PORT"])
    http.server.ThreadingHTTPServer(address, Handler).serve_forever()


def warm(descriptor: int) -> None:
    """Load for a while, then start members on request, inside their hosts, and tell how they end."""
    from shardwright.local import kernel, spawning  # noqa: PLC0415 - a member needs nothing of it

    control = socket.socket(fileno=descriptor)
    control.set_inheritable(False)
    time.sleep(float(os.environ.get("FAKE_WARM_SECONDS", "0")))
    control.send(json.dumps({"event": "warm", "seconds": 0.1}).encode())
    while packet := control.recv(1 << 20):
        asked = json.loads(packet)["start"]
        argv = (sys.executable, __file__, *asked["argv"])
        command = spawning.Command(argv, asked["env"], pathlib.Path(asked["log"]))
        pid = spawning.spawn(command, enter=asked["enter"])
        control.send(json.dumps({"event": "started", "id": asked["id"], "pid": pid}).encode())
        if os.environ.get("FAKE_REAP"):
            outcome = kernel.outcome_of_status(os.waitpid(pid, 0)[1])
            ended = {"event": "exited", "id": asked["id"], "code": outcome.code, "signal": outcome.signal}
            control.send(json.dumps(ended).encode())


if __name__ == "__main__":
    if sys.argv[1] == "warm":
        warm(int(sys.argv[2]))
    else:
        serve()
