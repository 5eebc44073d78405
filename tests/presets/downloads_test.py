"""Files of a release: downloaded once, complete and checked, or not there at all."""

import dataclasses
import hashlib

import pytest

from keras_lit.presets import registry
from keras_lit.presets.downloads import cache_folder, download_path, fetch
from tests.presets.tiny_release import LIT

pytestmark = pytest.mark.any_backend


def test_files_are_downloaded_once(server, cache):
    assert cache_folder() == cache
    paths = fetch(LIT.files)
    assert paths == [cache / "downloads" / file.path for file in LIT.files]
    for path, file in zip(paths, LIT.files, strict=True):
        assert path.read_bytes() == (server / file.path).read_bytes()
    for file in LIT.files:
        (server / file.path).unlink()
    assert fetch(LIT.files) == paths


def test_an_interrupted_download_starts_again(server):
    path = download_path(LIT.weights)
    path.parent.mkdir(parents=True)
    path.with_name(f"{path.name}.part").write_bytes(b"half")
    fetch([LIT.weights])
    assert path.read_bytes() == (server / LIT.weights.path).read_bytes()
    assert sorted(p.name for p in path.parent.iterdir()) == [path.name, f"{path.name}.lock"]


def test_checksums_are_compared(server):
    sha256 = hashlib.sha256((server / LIT.weights.path).read_bytes()).hexdigest()
    right = dataclasses.replace(LIT.weights, sha256=sha256)
    wrong = dataclasses.replace(LIT.weights, sha256="0" * 64)
    with pytest.raises(ValueError, match="hash does not match"):
        fetch([wrong])
    assert not download_path(wrong).exists()
    fetch([right])
    fetch([right])
    with pytest.raises(ValueError, match=f"its SHA-256 is {sha256}, expected 0000.*Delete it"):
        fetch([wrong])


def test_without_a_network_the_error_says_which_file_to_put_where(server, monkeypatch):
    monkeypatch.setattr(registry, "ORIGIN", "http://127.0.0.1:9")
    with pytest.raises(ValueError, match="Without a network") as caught:
        fetch(LIT.files)
    for file in LIT.files:
        assert f"http://127.0.0.1:9/{file.path}\n  -> {download_path(file)}" in str(caught.value)
    for file in LIT.files:
        download_path(file).parent.mkdir(parents=True, exist_ok=True)
        download_path(file).write_bytes((server / file.path).read_bytes())
    fetch(LIT.files)
