"""Published presets in fresh processes: killed half-way, and asked for at the same time."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from tests.presets import tiny_release

ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture
def start(tmp_path):
    """A function that starts a process of `preset_worker`; all share one server and one cache."""
    tiny_release.publish(tmp_path / "server")
    processes = []

    def start_worker(*step):
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "integration_tests.preset_worker"),
                *(str(tmp_path / "server"), *step),
            ],
            cwd=ROOT,
            env={**os.environ, "KERAS_HOME": str(tmp_path / "home")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start_worker
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


def result(process):
    """Returns the last line that a process printed."""
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return output, output.splitlines()[-1]


@pytest.mark.parametrize("step", ["download", "conversion"])
def test_the_next_call_recovers_from_a_killed_process(step, start, tmp_path):
    killed = start(step)
    for line in killed.stdout:
        if line.strip().endswith("paused"):
            break
    assert killed.poll() is None
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    cache = tmp_path / "home" / "models" / "keras_lit"
    assert not (cache / "lit_tiny").exists()
    output, line = result(start())
    assert line.startswith("loaded") and "[[2, 3, 4, 0]]" in line
    assert "Converting" in output
    assert not list(cache.glob(".lit_tiny-*")) and not list(cache.rglob("*.part"))


def test_processes_that_ask_at_once_convert_once(start):
    results = [result(process) for process in [start() for _ in range(2)]]
    assert len({line for _, line in results}) == 1
    assert sum("Converting" in output for output, _ in results) == 1
