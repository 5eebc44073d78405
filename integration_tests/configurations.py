"""The rows of the matrix -> the arrays that fresh processes of `train_worker` wrote for each."""

import dataclasses
import json
import os
import pathlib
import socket
import subprocess
import sys

import numpy as np

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


@dataclasses.dataclass(frozen=True)
class Configuration:
    """One row: a backend, its processes, the devices of each, and who holds what.

    Args:
        name: String, the row's title.
        backend: String.
        devices: Integer, virtual devices of each process.
        processes: Integer.
        layout: String, a function of `keras_lit.distribution`.
        on_every_change: Boolean, whether `make test` runs the row too.
    """

    name: str
    backend: str
    devices: int = 1
    processes: int = 1
    layout: str = "data_parallel"
    on_every_change: bool = False


REFERENCE = Configuration("JAX, 1 device", "jax", on_every_change=True)
# Where replicas compute for themselves, and something may be left out.
MUTATED = Configuration("TensorFlow, 2 devices", "tensorflow", 2, on_every_change=True)
CONFIGURATIONS = (
    REFERENCE,
    Configuration("JAX, 2 devices", "jax", 2),
    Configuration("JAX, 4 devices", "jax", 4),
    Configuration("JAX, 8 devices", "jax", 8),
    Configuration(
        "JAX, 4 devices, fully sharded", "jax", 4, layout="fully_sharded", on_every_change=True
    ),
    Configuration("JAX, 2 x 2 devices, data x model", "jax", 4, layout="model_parallel"),
    Configuration("JAX, 2 processes of 2 devices", "jax", 2, processes=2),
    Configuration("TensorFlow, 1 device", "tensorflow"),
    MUTATED,
    Configuration("TensorFlow, 4 devices", "tensorflow", 4),
    Configuration("TensorFlow, 2 processes", "tensorflow", processes=2),
    Configuration("torch, 1 device", "torch"),
)


def environment(backend):
    """Returns the environment of a fresh process."""
    return {
        **os.environ,
        "KERAS_BACKEND": backend,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # The sum of many threads has no order of its own.
        "OMP_NUM_THREADS": "1",
        # Two exchanges between virtual devices at once may hold the threads that both wait for.
        "JAX_CPU_ENABLE_ASYNC_DISPATCH": "false",
    }


def start(module, backend, *arguments):
    """Starts a fresh process of a worker of this folder."""
    return subprocess.Popen(
        [sys.executable, "-m", f"integration_tests.{module}", *map(str, arguments)],
        cwd=_REPOSITORY,
        env=environment(backend),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process, timeout=900):
    """Waits for a process and returns what it printed; raises what it says if it failed."""
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        errors = process.communicate()[1]
        raise AssertionError(f"no end after {timeout} s:\n{errors[-4000:]}") from None
    assert process.returncode == 0, errors[-4000:]
    return output


def free_addresses(number):
    """Returns addresses on this machine that nobody listens at, comma-separated."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    addresses = [f"127.0.0.1:{opened.getsockname()[1]}" for opened in sockets]
    for opened in sockets:
        opened.close()
    return ",".join(addresses)


def run_row(configuration, path, names):
    """Runs the processes of a row; returns its arrays as a dict of dicts, by recipe."""
    settings = {"devices": configuration.devices, "layout": configuration.layout}
    if configuration.processes > 1:
        settings["addresses"] = free_addresses(configuration.processes)
        settings["processes"] = configuration.processes
    processes = [
        start(
            "train_worker",
            configuration.backend,
            json.dumps({**settings, "process": process}),
            path,
            *names,
        )
        for process in range(configuration.processes)
    ]
    try:
        for process in processes:
            finish(process)
    finally:
        for process in processes:
            process.kill()
    results = {}
    with np.load(path) as arrays:
        for key in arrays:
            name, _, array = key.partition(" ")
            results.setdefault(name, {})[array] = arrays[key]
    return results
