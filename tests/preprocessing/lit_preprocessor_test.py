"""LiTPreprocessor: both halves, any keras-hub tokenizer and converter, tf.data, presets."""

import io

import keras
import keras_hub
import numpy as np
import pytest
import sentencepiece
import tensorflow as tf

from keras_lit import LiTPreprocessor
from keras_lit.preprocessing import ImageConverter, SentencePieceTokenizer, WordPieceTokenizer

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "cat", "##s"]
CAPTIONS = ["a dog", "cats", "a zebra a dog a cat a dog"]


@pytest.fixture(scope="module")
def proto():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a photo of a dog", "two dogs and a cat"] * 20),
        model_writer=model,
        vocab_size=40,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=2,
        minloglevel=2,
    )
    return model.getvalue()


def pictures(*sizes):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), dtype="uint8") for size in sizes]


def preprocessor():
    return LiTPreprocessor(ImageConverter(8), WordPieceTokenizer(WORDS, sequence_length=6))


def as_numpy(outputs):
    return {name: np.asarray(value) for name, value in outputs.items()}


def assert_same(actual, expected):
    assert set(actual) == set(expected)
    for name in expected:
        np.testing.assert_array_equal(np.asarray(actual[name]), np.asarray(expected[name]), name)


def test_a_batch():
    images = np.stack(pictures((9, 12), (9, 12), (9, 12)))
    outputs = preprocessor()({"images": images, "captions": CAPTIONS})
    assert set(outputs) == {"images", "token_ids", "padding_mask"}
    assert_same(
        outputs,
        {
            "images": ImageConverter(8)(images),
            "token_ids": [[2, 5, 6, 0, 0, 0], [2, 7, 8, 0, 0, 0], [2, 5, 1, 5, 6, 5]],
            "padding_mask": [[1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0], [1, 1, 1, 1, 1, 1]],
        },
    )


def test_the_halves_and_other_entries():
    layer = preprocessor()
    images = np.stack(pictures((9, 12), (9, 12)))
    labels = np.array([3, 4])
    assert_same(
        layer({"images": images, "labels": labels}),
        {"images": layer.convert_images(images), "labels": labels},
    )
    embeddings = np.ones((2, 4), "float32")
    assert_same(
        layer({"captions": CAPTIONS[:2], "image_embeddings": embeddings}),
        {**layer.tokenize_captions(CAPTIONS[:2]), "image_embeddings": embeddings},
    )


def test_one_example():
    outputs = as_numpy(preprocessor()({"images": pictures((9, 12))[0], "captions": "a dog"}))
    assert outputs["images"].shape == (8, 8, 3)
    np.testing.assert_array_equal(outputs["token_ids"], [2, 5, 6, 0, 0, 0])


@pytest.mark.parametrize("batch_size", [None, 2, 3])
def test_tf_data_gives_the_same(batch_size):
    images = np.stack(pictures((9, 12), (9, 12), (9, 12)))
    layer = preprocessor()
    dataset = tf.data.Dataset.from_tensor_slices(
        {"images": images, "captions": CAPTIONS, "labels": [1, 2, 3]}
    )
    if batch_size:
        dataset = dataset.batch(batch_size).map(layer).unbatch()
    else:
        dataset = dataset.map(layer)
    assert dataset.element_spec["images"].shape == (8, 8, 3)
    assert dataset.element_spec["token_ids"] == tf.TensorSpec(6, tf.int32)
    rows = list(dataset.as_numpy_iterator())
    expected = layer({"images": images, "captions": CAPTIONS, "labels": np.array([1, 2, 3])})
    assert_same({name: np.stack([row[name] for row in rows]) for name in rows[0]}, expected)


def test_lists_of_pictures_and_paths(tmp_path):
    image_a, image_b = pictures((9, 12), (20, 7))
    path = tmp_path / "picture.png"
    tf.io.write_file(str(path), tf.io.encode_png(image_a))
    layer = preprocessor()
    expected = np.stack([np.asarray(ImageConverter(8)(image)) for image in (image_a, image_b)])
    for images in ([image_a, image_b], [path, image_b], [str(path), keras.ops.array(image_b)]):
        np.testing.assert_array_equal(np.asarray(layer.convert_images(images)), expected)
    for one in (path, str(path), np.array(str(path))):
        np.testing.assert_array_equal(np.asarray(layer.convert_images(one)), expected[0])
    for paths in ([path], np.array([str(path)]), tf.constant([str(path)])):
        np.testing.assert_array_equal(np.asarray(layer.convert_images(paths)), expected[:1])
    dataset = tf.data.Dataset.from_tensor_slices({"images": [str(path)] * 2})
    for mapped, shape in ((dataset.map(layer), (8, 8, 3)), (dataset.batch(2).map(layer), None)):
        element = next(iter(mapped))["images"].numpy()
        np.testing.assert_array_equal(element, expected[0] if shape else expected[[0, 0]])


def test_grayscale_and_transparent_files(tmp_path):
    gray, rgba = tmp_path / "gray.png", tmp_path / "rgba.png"
    tf.io.write_file(str(gray), tf.io.encode_png(np.full((9, 9, 1), 7, "uint8")))
    tf.io.write_file(str(rgba), tf.io.encode_png(np.full((9, 9, 4), 255, "uint8")))
    converted = np.asarray(preprocessor().convert_images([gray, rgba]))
    np.testing.assert_array_equal(converted[0], np.full((8, 8, 3), np.float32(7 / 127.5 - 1)))
    np.testing.assert_array_equal(converted[1], np.ones((8, 8, 3), "float32"))


def test_files_that_hold_no_picture(tmp_path):
    path = tmp_path / "text.png"
    path.write_text("no picture")
    with pytest.raises(ValueError, match="no JPEG, PNG, GIF, BMP or WebP picture.*text.png"):
        preprocessor().convert_images([path])
    with pytest.raises(ValueError, match="does not exist.*missing.png"):
        preprocessor().convert_images([tmp_path / "missing.png"])


@pytest.mark.parametrize(
    "inputs, message",
    [
        ({"image": 1, "caption": 2}, r"Received: \['caption', 'image'\]"),
        (np.zeros((2, 8, 8, 3), "uint8"), "must be a dict"),
        ({"images": np.zeros((2, 8, 8, 3), "float32")}, "must be uint8"),
    ],
)
def test_errors(inputs, message):
    with pytest.raises(ValueError, match=message):
        preprocessor()(inputs)


def test_a_missing_half_is_named():
    with pytest.raises(ValueError, match="no image_converter"):
        LiTPreprocessor()({"images": np.zeros((2, 8, 8, 3), "uint8")})
    with pytest.raises(ValueError, match="no tokenizer"):
        LiTPreprocessor()({"captions": ["a dog"]})
    floats = np.zeros((2, 8, 8, 3), "float32")
    assert LiTPreprocessor()({"images": floats})["images"] is floats


def test_two_lengths_raise():
    with pytest.raises(ValueError, match="sequence_length=8, but the tokenizer makes rows of 6"):
        LiTPreprocessor(None, WordPieceTokenizer(WORDS, sequence_length=6), sequence_length=8)


def test_bert_tokenizer_of_keras_hub():
    """Start, end and padding are the tokenizer's, and equal keras-hub's own preprocessor."""
    tokenizer = keras_hub.tokenizers.BertTokenizer(WORDS, lowercase=True)
    layer = LiTPreprocessor(None, tokenizer, sequence_length=6)
    expected = keras_hub.models.BertTextClassifierPreprocessor(tokenizer, 6)(CAPTIONS)
    for captions, row in ((CAPTIONS, slice(None)), (CAPTIONS[0], 0)):
        outputs = layer.tokenize_captions(captions)
        for name in ("token_ids", "padding_mask"):
            np.testing.assert_array_equal(
                np.asarray(outputs[name]), np.asarray(expected[name])[row]
            )
    dataset = tf.data.Dataset.from_tensor_slices({"captions": CAPTIONS}).batch(3).map(layer)
    assert_same(next(iter(dataset)), layer({"captions": CAPTIONS}))


def test_t5_tokenizer_of_keras_hub(proto):
    tokenizer = keras_hub.tokenizers.SentencePieceTokenizer(proto, add_eos=False)
    pieces = [list(np.asarray(tokenizer(caption))) for caption in CAPTIONS]
    # What T5Tokenizer sets: its start is the one of the decoder.
    tokenizer.start_token_id, tokenizer.end_token_id, tokenizer.pad_token_id = 2, 2, 0
    outputs = as_numpy(LiTPreprocessor(None, tokenizer, 8).tokenize_captions(CAPTIONS))
    for row, mask, expected in zip(
        outputs["token_ids"], outputs["padding_mask"], pieces, strict=True
    ):
        expected = [*expected[:7], 2]
        np.testing.assert_array_equal(row, expected + [0] * (8 - len(expected)))
        np.testing.assert_array_equal(mask, np.arange(8) < len(expected))


def test_plain_tokenizers_of_keras_hub_default_to_the_length_of_the_paper():
    tokenizer = keras_hub.tokenizers.WordPieceTokenizer(WORDS)
    outputs = as_numpy(LiTPreprocessor(None, tokenizer).tokenize_captions(["a dog", ""]))
    np.testing.assert_array_equal(outputs["token_ids"], [[5, 6] + [0] * 14, [0] * 16])
    np.testing.assert_array_equal(outputs["padding_mask"].sum(axis=1), [2, 0])


def test_a_tokenizer_of_keras_hub_that_pads_itself():
    tokenizer = keras_hub.tokenizers.WordPieceTokenizer(WORDS, sequence_length=4)
    layer = LiTPreprocessor(None, tokenizer)
    assert layer.sequence_length == 4
    outputs = as_numpy(layer.tokenize_captions(["a dog"]))
    np.testing.assert_array_equal(outputs["token_ids"], [[5, 6, 0, 0]])
    np.testing.assert_array_equal(outputs["padding_mask"], [[True, True, False, False]])


def test_image_converter_of_keras_hub():
    converter = keras_hub.layers.ImageConverter(image_size=(8, 8), scale=1 / 255)
    layer = LiTPreprocessor(converter)
    image_a, image_b = pictures((9, 12), (20, 7))
    expected = np.stack([np.asarray(converter(image)) for image in (image_a, image_b)])
    np.testing.assert_allclose(np.asarray(layer.convert_images([image_a, image_b])), expected)
    dataset = tf.data.Dataset.from_tensors({"images": image_a}).map(layer)
    # keras-hub itself rounds to whole steps outside tf.data and not inside: half a step apart.
    element = next(iter(dataset))["images"].numpy()
    np.testing.assert_allclose(element, expected[0], atol=0.5001 / 255)


@keras.saving.register_keras_serializable(package="keras_lit_tests")
class TinyBackbone(keras_hub.models.Backbone):
    """What a preset needs around a preprocessor; stands in for LiTModel."""

    def __init__(self, dtype=None, **kwargs):
        inputs = keras.Input((2,))
        super().__init__(inputs=inputs, outputs=keras.layers.Dense(1)(inputs), **kwargs)


TOKENIZERS = {
    "word_piece": lambda proto: WordPieceTokenizer(WORDS, sequence_length=6),
    "sentence_piece": lambda proto: SentencePieceTokenizer(proto, 6, lowercase=True),
    "keras_hub bert": lambda proto: keras_hub.tokenizers.BertTokenizer(WORDS, lowercase=True),
}


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_preset_round_trip(kind, proto, tmp_path, monkeypatch):
    tokenizer = TOKENIZERS[kind](proto)
    layer = LiTPreprocessor(ImageConverter(8), tokenizer)
    inputs = {"images": np.stack(pictures((9, 12))), "captions": ["A dog, a zebra"]}
    expected = layer(inputs)
    TinyBackbone().save_to_preset(str(tmp_path))
    layer.save_to_preset(str(tmp_path))

    for cls in (LiTPreprocessor, type(tokenizer), ImageConverter):
        monkeypatch.setattr(cls, "backbone_cls", TinyBackbone)
    loaded = LiTPreprocessor.from_preset(str(tmp_path))
    assert type(loaded.tokenizer) is type(tokenizer)
    assert_same(loaded(inputs), expected)
    assert type(tokenizer).from_preset(str(tmp_path)).get_vocabulary() == tokenizer.get_vocabulary()
    assert ImageConverter.from_preset(str(tmp_path)).image_size == (8, 8)


@keras.saving.register_keras_serializable(package="keras_lit_tests")
class Wrapper(keras.Model):
    """A model that carries a preprocessor, as LiTModel does."""

    def __init__(self, preprocessor, **kwargs):
        super().__init__(**kwargs)
        self.preprocessor = preprocessor
        self.dense = keras.layers.Dense(1)

    def call(self, inputs):
        return self.dense(inputs)

    def get_config(self):
        return {"preprocessor": keras.saving.serialize_keras_object(self.preprocessor)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["preprocessor"]))


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_keras_file_round_trip(kind, proto, tmp_path):
    layer = LiTPreprocessor(ImageConverter(8), TOKENIZERS[kind](proto))
    model = Wrapper(layer)
    model(np.zeros((1, 2), "float32"))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras").preprocessor
    assert loaded.get_config() == layer.get_config()
    inputs = {"images": np.stack(pictures((9, 12))), "captions": ["A dog, a zebra"]}
    assert_same(loaded(inputs), layer(inputs))


def test_config_round_trip():
    layer = LiTPreprocessor(
        ImageConverter(8), keras_hub.tokenizers.WordPieceTokenizer(WORDS), sequence_length=5
    )
    copy = LiTPreprocessor.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert LiTPreprocessor.from_config(LiTPreprocessor().get_config()).tokenizer is None
