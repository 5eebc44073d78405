"""One short run of the demo, killed once, through the command line: several tests look at it."""

import os
import pathlib
import subprocess
import sys
import time

import pytest

COMMAND = pathlib.Path(sys.executable).parent / "keras-lit"
# As users have it: what `make test` sets so that tiny models compile fast makes real towers slow.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "XLA_FLAGS"}
# A tiny budget: what is tested is the path, not what the model learns on it.
DEMO_FLAGS = ("--num_steps", "6", "--num_emojis", "64")


def pytest_addoption(parser):
    parser.addoption(
        "--all_configurations", action="store_true", help="also what `make test` has no time for"
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "all_configurations: runs with --all_configurations only")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--all_configurations"):
        items[:] = [item for item in items if not item.get_closest_marker("all_configurations")]


def run_cli(*arguments, **options):
    """Runs `keras-lit ARGUMENTS` in a fresh process and returns it, finished."""
    return subprocess.run(
        [COMMAND, *arguments], env=ENVIRONMENT, capture_output=True, text=True, **options
    )


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory):
    """The folder of a demo of a few steps that was killed once and started again.

    Beside what the demo writes it holds `output.txt`, what it printed, and `killed.txt`, the time
    in nanoseconds when the embeddings were stored that the first run left.
    """
    folder = tmp_path_factory.mktemp("demo")
    arguments = ("demo", "--folder", str(folder), *DEMO_FLAGS)
    manifest = folder / "tuning" / "cache" / "manifest.json"
    output = tmp_path_factory.mktemp("killed") / "output.txt"
    with output.open("w") as stream:
        process = subprocess.Popen(
            [COMMAND, *arguments], env=ENVIRONMENT, stdout=stream, stderr=stream
        )
    while not manifest.exists():
        assert process.poll() is None, output.read_text()
        time.sleep(0.1)
    process.kill()
    process.wait()
    assert not (folder / "metrics.json").exists()
    (folder / "killed.txt").write_text(str(manifest.stat().st_mtime_ns))
    process = run_cli(*arguments)
    assert process.returncode == 0, process.stderr
    (folder / "output.txt").write_text(process.stdout)
    return folder
