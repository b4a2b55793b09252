"""A worker: another process that holds one index and answers lines of JSON."""

import json
import os
import subprocess

HUGE_PAGES = "glibc.malloc.hugetlb=1"  # malloc asks for transparent huge pages


class WorkerError(Exception):
    """A worker refused a request or is gone; the text says which and why."""


def environment(huge):
    """The environment of a worker. A choice of OpenBLAS's kernels is left out, so
    that it takes the best ones, and so is a number of OpenMP threads."""
    env = {k: v for k, v in os.environ.items()
           if k not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_NUM_THREADS", "GLIBC_TUNABLES")}
    if huge:
        env["GLIBC_TUNABLES"] = HUGE_PAGES
    return env


class Worker:
    def __init__(self, name, command, huge=False):
        self.name = name
        self.huge = huge
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            env=environment(huge), text=True, encoding="utf-8")
        except OSError as e:
            raise WorkerError(f"{name}: {e}") from e

    def call(self, op, **arguments):
        """Sends a request and returns its reply."""
        try:
            self.process.stdin.write(json.dumps({"op": op, **arguments}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except OSError:
            line = ""
        if not line:
            raise WorkerError(f"{self.name}: {op}: the worker ended with {self.process.wait()}")
        reply = json.loads(line)
        if reply.get("error"):
            raise WorkerError(reply["error"])
        return reply

    def close(self):
        """Ends the process: it is asked to, and killed if it does not."""
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                pipe.close()
            except OSError:
                pass  # it is gone already
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
