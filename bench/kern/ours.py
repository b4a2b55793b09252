"""Our kernels, in a Go process over the same memory."""

import os

import numpy as np

from ann import process

WORKER = os.path.join(os.path.dirname(__file__), "..", "bin", "kernworker")


class Worker(process.Worker):
    def __init__(self, mem):
        super().__init__("kernworker", [os.path.abspath(WORKER), "-memory", mem.name])
        self.kernels = self.call("kernels")["kernels"]

    def all(self, elem, measure, dim):
        return [Ours(self, name, elem, measure, dim) for name in self.kernels]


class Ours:
    @staticmethod
    def view(elements):
        return elements

    def __init__(self, worker, kernels, elem, measure, dim):
        self.name, self.worker = kernels, worker
        self.request = {"kernels": kernels, "element": elem, "measure": measure, "dim": dim}
        self.last = None

    def burst(self, groups, scattered, repeats):
        answer = self.worker.call("burst", **self.request, groups=groups, scattered=bool(scattered), repeats=repeats)
        self.last = answer["results"]
        return answer["nanoseconds"]

    def results(self):
        return np.array([float(x) for x in self.last])
