"""Files of every registered class, written on each backend and read on the others."""

import os
import pathlib
import re
import subprocess
import sys
import zipfile

import keras
import pytest

from integration_tests import round_trips_worker as worker
from keras_lit import distribution
from tests.serialization_test import REGISTERED

ROOT = pathlib.Path(__file__).resolve().parent.parent


def saved_classes(folder):
    """Names of the classes of keras_lit in the configs of all files."""
    text = ""
    for path in folder.rglob("*"):
        if path.suffix == ".keras":
            with zipfile.ZipFile(path) as archive:
                text += archive.read("config.json").decode()
        elif path.suffix == ".json":
            text += path.read_text()
    return set(re.findall(r"keras_lit>(\w+)", text))


@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
def test_files_written_on_one_backend_are_read_on_the_others(tmp_path):
    here = tmp_path / keras.config.backend()
    layers = worker.write(here)
    classes = {name.removeprefix("keras_lit>") for name in REGISTERED}
    assert classes - layers - saved_classes(here) == set(), "Put them into round_trips_worker."
    others = distribution.other_backends()
    assert others
    for backend in others:
        folder = tmp_path / backend
        command = [sys.executable, "-m", "integration_tests.round_trips_worker", here, folder]
        process = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "KERAS_BACKEND": backend},
            capture_output=True,
            text=True,
        )
        assert process.returncode == 0, process.stderr
        worker.check(folder)
