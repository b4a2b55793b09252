"""Starts, kills and stops the real binary."""

import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

from pymilvus import MilvusClient

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOGS = ("natsmq", "woodpecker")
START_TIMEOUT = 30.0
STOP_TIMEOUT = 15.0


def binary() -> str:
    path = os.environ.get("REDKITE_BIN", str(ROOT / "bin" / "redkite"))
    if not os.access(path, os.X_OK):
        raise FileNotFoundError(f"{path} is not there: run `make build`, or set REDKITE_BIN")
    return path


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Server:
    """One server process on ports of its own. A restart keeps ports and data."""

    def __init__(self, folder: pathlib.Path, log_type: str = "natsmq", *args: str):
        self.folder = folder
        self.data = folder / "data"
        self.output = folder / "output.txt"
        self.port = free_port()
        self.metrics_port = free_port()
        self.log_type = log_type
        self.args = args
        self.process: subprocess.Popen | None = None

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [binary(), "run", "standalone", "--data", str(self.data), "--port", str(self.port),
                "--metrics-port", str(self.metrics_port), "--set", f"mq.type={self.log_type}", *self.args]

    def start(self) -> "Server":
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.output.open("ab") as out:
            self.process = subprocess.Popen(self.command(), stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + START_TIMEOUT
        while not self.healthy():
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"the server is not ready after {START_TIMEOUT} s:\n{self.tail()}")
            time.sleep(0.01)
        return self

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics_port}/healthz", timeout=2) as r:
                return r.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def client(self, **kwargs) -> MilvusClient:
        return MilvusClient(uri=self.uri, **kwargs)

    def kill(self) -> None:
        """kill -9: no warning, no clean-up."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def terminate(self) -> int:
        """SIGTERM; the exit code of a process that drained and ended by itself."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_TIMEOUT)

    def tail(self, n: int = 3000) -> str:
        return self.output.read_text(errors="replace")[-n:] if self.output.exists() else ""
