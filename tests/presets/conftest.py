"""A server with two tiny presets, an empty cache folder, and the presets' names."""

import pytest

from keras_lit.presets import registry
from tests.presets import tiny_release


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The empty folder where presets are kept during a test."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "models" / "keras_lit"


@pytest.fixture
def server(tmp_path, monkeypatch, cache):
    """The folder that the files of the tiny presets are downloaded from."""
    tiny_release.publish(tmp_path / "server")
    monkeypatch.setattr(registry, "ORIGIN", (tmp_path / "server").as_uri())
    for preset in (tiny_release.LIT, tiny_release.VIT):
        monkeypatch.setitem(registry._PRESETS, preset.name, preset)
    return tmp_path / "server"
