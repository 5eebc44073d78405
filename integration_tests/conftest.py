"""One short run of the demo, through the command line, that several tests look at."""

import pathlib
import subprocess
import sys

import pytest

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
    command = pathlib.Path(sys.executable).parent / "keras-lit"
    return subprocess.run([command, *arguments], capture_output=True, text=True, **options)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory):
    """The folder that a demo of a few steps wrote, with what it printed in `output.txt`."""
    folder = tmp_path_factory.mktemp("demo")
    process = run_cli("demo", "--folder", str(folder), *DEMO_FLAGS)
    assert process.returncode == 0, process.stderr
    (folder / "output.txt").write_text(process.stdout)
    return folder
