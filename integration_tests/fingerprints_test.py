"""The fingerprint of a tower is the same on every backend: a cache may move between them."""

import os
import pathlib
import subprocess
import sys

from keras_lit.data import fingerprints
from tests.data import caches

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = """
from keras_lit.data import fingerprints
from tests.data import caches
tower = caches.lit_model().image_tower
print("found", fingerprints.weights_fingerprint(tower))
print("found", fingerprints.architecture_fingerprint(tower))
"""


def test_another_backend_gives_the_same_fingerprints():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "tensorflow"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    tower = caches.lit_model().image_tower
    found = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("found")]
    assert found == [
        fingerprints.weights_fingerprint(tower),
        fingerprints.architecture_fingerprint(tower),
    ]
