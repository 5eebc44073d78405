import numpy as np
import pytest
from keras import ops

from keras_lit.demo.emoji_tower import SHIPPED_TOWER, load_image_backbone


def test_shipped_tower():
    files = [path for path in SHIPPED_TOWER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 4 * 2**20
    assert "CC-BY-SA-4.0" in (SHIPPED_TOWER / "LICENSE").read_text()
    backbone = load_image_backbone()
    images = np.random.default_rng(0).uniform(-1, 1, (1, *backbone.input.shape[1:]))
    features = ops.convert_to_numpy(backbone(images.astype("float32")))
    assert features.shape == (1, *backbone.output.shape[1:])
    halves = np.split(features, 2, axis=-1)
    assert np.abs(halves[0] - halves[1]).max() > 0.1  # two different backbones


def test_no_tower(tmp_path):
    with pytest.raises(ValueError, match="holds no folder with a preset"):
        load_image_backbone(tmp_path)
