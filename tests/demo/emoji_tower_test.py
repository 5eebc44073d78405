import json

import pytest

from keras_lit.demo.emoji_tower import SHIPPED_TOWER, load_image_backbone


def test_shipped_tower():
    files = [path for path in SHIPPED_TOWER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 4 * 2**20
    assert "CC-BY-SA-4.0" in (SHIPPED_TOWER / "LICENSE").read_text()
    configs = [json.loads(path.read_text()) for path in SHIPPED_TOWER.glob("*/config.json")]
    assert len({str(config["config"]["image_shape"]) for config in configs}) == 1
    weights = [path.read_bytes() for path in SHIPPED_TOWER.glob("*/model.weights.h5")]
    assert len(set(weights)) == len(configs) == 3  # three different backbones


def test_no_tower(tmp_path):
    with pytest.raises(ValueError, match="holds no folder with a preset"):
        load_image_backbone(tmp_path)
