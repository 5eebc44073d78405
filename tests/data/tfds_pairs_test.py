"""TFDS splits as pairs: order, captions, picture sizes, and what is said of unknown features."""

import pathlib

import numpy as np
import pytest
import tensorflow_datasets as tfds

from keras_lit.data import BrokenRecords, TfdsSource, tfds_pairs
from tests.data import pictures

pytestmark = pytest.mark.any_backend


class TinyCaptions(tfds.core.GeneratorBasedBuilder):
    """Pictures of several sizes with nested captions, in the layout of `coco_captions`."""

    VERSION = tfds.core.Version("1.2.0")
    url_infos = None

    def _info(self):
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3)),
                    "thumbnail": tfds.features.Image(shape=(4, 4, 3)),
                    "captions": tfds.features.Sequence({"text": tfds.features.Text()}),
                    "title": tfds.features.Text(),
                }
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for number in range(5):
            yield (
                number,
                {
                    "image": np.full((5 + number, 7, 3), number, "uint8"),
                    "thumbnail": np.full((4, 4, 3), number, "uint8"),
                    "captions": [{"text": f"{number} {n}"} for n in range(number % 2 + 1)],
                    "title": f"title {number}",
                },
            )


@pytest.fixture(autouse=True)
def data_folder(tmp_path, monkeypatch):
    load = tfds.builder
    monkeypatch.setattr(tfds, "builder", lambda name, data_dir: load(name, data_dir=tmp_path))


def test_pictures_of_several_sizes_and_nested_captions():
    pairs, source = tfds_pairs("tiny_captions", "train[1:]", batch_size=3)
    assert source == {"name": "tiny_captions", "version": "1.2.0", "split": "train[1:]"}
    first, last = pairs
    for row, number in enumerate((1, 2, 3)):
        np.testing.assert_array_equal(
            first["images"][row].to_tensor(), np.full((5 + number, 7, 3), number)
        )
    assert first["captions"].to_list() == [[b"1 0", b"1 1"], [b"2 0"], [b"3 0", b"3 1"]]
    assert last["captions"].to_list() == [[b"4 0"]]


def test_pictures_of_one_size_come_dense():
    pairs, _ = tfds_pairs("tiny_captions", "train", 5, "thumbnail", "title")
    (batch,) = pairs
    assert batch["images"].shape == (5, 4, 4, 3)
    assert batch["captions"].to_list() == [[f"title {n}".encode()] for n in range(5)]
    assert int(pairs.cardinality()) == 1


def test_a_damaged_shard_is_counted_by_its_examples():
    source = TfdsSource("tiny_captions", "train[1:]", caption_feature="title,captions/text")
    assert len(source) == 4
    (part,) = source._parts.values()
    data = pathlib.Path(part.path).read_bytes()
    pathlib.Path(part.path).write_bytes(data[: len(data) * 3 // 5])
    broken = BrokenRecords(1.0)
    captions = pictures.captions_of(source.pairs(3, broken))
    assert captions[0] == ["title 1", "1 0", "1 1"] and len(captions) + len(broken) == 4
    assert broken and all("damaged shard (" in reason for reason in broken.reasons)


@pytest.mark.parametrize("feature", ["text", "captions/title", "title/text"])
def test_unknown_features_are_named(feature):
    with pytest.raises(ValueError, match=f"no feature '{feature}'. It has: .*'captions'.*'image'"):
        tfds_pairs("tiny_captions", "train", 2, caption_feature=feature)


def test_features_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="'title' of 'tiny_captions' is no image"):
        TfdsSource("tiny_captions", "train", "title")
    with pytest.raises(ValueError, match="'image' of 'tiny_captions' is no text"):
        TfdsSource("tiny_captions", "train", caption_feature="image")


def test_an_empty_split_is_named():
    with pytest.raises(ValueError, match=r"no data in its split 'train\[:0\]'.* \['train'\]"):
        TfdsSource("tiny_captions", "train[:0]")
