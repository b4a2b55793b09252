"""Our kernels, in a Go process over the same memory."""

import json
import os
import subprocess

import numpy as np

WORKER = os.path.join(os.path.dirname(__file__), "..", "bin", "kernworker")


class Worker:
    def __init__(self, mem):
        self.process = subprocess.Popen([os.path.abspath(WORKER), "-memory", mem.name], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.kernels = self.ask({"op": "kernels"})["kernels"]

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if answer.get("error"):
            raise RuntimeError(answer["error"])
        return answer

    def all(self, elem, measure, dim):
        return [Ours(self, name, elem, measure, dim) for name in self.kernels]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Ours:
    @staticmethod
    def view(elements):
        return elements

    def __init__(self, worker, kernels, elem, measure, dim):
        self.name, self.worker = kernels, worker
        self.request = {"op": "burst", "kernels": kernels, "element": elem, "measure": measure, "dim": dim}
        self.last = None

    def burst(self, groups, scattered, repeats):
        answer = self.worker.ask(self.request | {"groups": groups, "scattered": bool(scattered), "repeats": repeats})
        self.last = answer["results"]
        return answer["nanoseconds"]

    def results(self):
        return np.array([float(x) for x in self.last])
