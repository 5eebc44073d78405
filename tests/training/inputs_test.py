"""Which caches a training takes, and how several sources become one."""

import numpy as np
import pytest

import keras_lit
from keras_lit.data import BrokenRecords
from keras_lit.training import inputs
from tests import tiny
from tests.data import caches, pictures


@pytest.fixture
def tables(tmp_path):
    """Two tables of the same two pictures, with other captions."""
    for number in range(2):
        (tmp_path / f"{number}.png").write_bytes(pictures.png(number))
    (tmp_path / "first.tsv").write_text("0.png\tred cat\n1.png\tblue dog")
    (tmp_path / "second.tsv").write_text("0.png\tsun\n1.png\tsea")
    return tmp_path


def config(*sources):
    return {"data": {"sources": sources, "image_feature": None, "caption_feature": None}}


def test_a_cache_of_the_same_tower_and_data_is_taken(tables):
    model = caches.lit_model()
    source = inputs.open_data(config(tables / "first.tsv"))
    for _ in range(2):
        assert len(inputs.open_cache(model, source, tables / "cache", BrokenRecords())) == 2
    other = inputs.open_data(config(tables / "second.tsv"))
    with pytest.raises(ValueError, match="is of other data: .*first.*second"):
        inputs.open_cache(model, other, tables / "cache", BrokenRecords())
    tiny.fill(model, seed=1)
    with pytest.raises(ValueError, match="What differs: image_tower_weights"):
        inputs.open_cache(model, source, tables / "cache", BrokenRecords())
    model.tuning = "Uu"
    with pytest.raises(ValueError, match="trains the image tower"):
        inputs.open_cache(model, source, tables / "cache", BrokenRecords())


def test_several_sources_are_mixed(tables):
    source = inputs.open_data(config(tables / "first.tsv", tables / "second.tsv"))
    assert isinstance(source, keras_lit.data.Source) and len(source) == 4
    captions = np.concatenate([batch["captions"].flat_values for batch in source.pairs(2)])
    assert captions.tolist() == [b"red cat", b"blue dog", b"sun", b"sea"]
    with pytest.raises(ValueError, match="is empty"):
        inputs.open_data(config())
