"""ImageConverter: pixels of the original on every kind of input, property tests, errors."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_lit.preprocessing import ImageConverter, SmallerSideResize, StretchResize
from tests.parity_table import assert_equal
from tests.preprocessing.reference_cases import IMAGES, fixtures_of
from tests.reference import load_arrays, load_json

# Key in the fixture's outputs -> how a user writes it, given the first number of that pipeline in
# config.json ("resize_small(42)|central_crop(32)|value_range(-1,1)").
PIPELINES = {
    "vit_jax_crop_False": lambda size: StretchResize(),
    "vit_jax_crop_True": lambda size: SmallerSideResize(),
    "bv_resize": lambda size: StretchResize(size),
    "bv_resize_antialias": lambda size: StretchResize(size, antialias=True),
    "bv_square875": lambda size: StretchResize(size),
    "bv_aspect75": lambda size: SmallerSideResize(size, interpolation="area"),
}


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype="uint8")


def test_fixtures_exist():
    assert fixtures_of(IMAGES)


@pytest.mark.parametrize("fixture", fixtures_of(IMAGES))
def test_pixels_equal_the_reference(fixture):
    config = load_json(fixture)
    inputs = load_arrays(fixture, "inputs.npz")
    images = [inputs[f"image_{index}"] for index in range(len(inputs))]
    outputs = load_arrays(fixture, "outputs.npz")
    before_cast = {name for name in outputs if name.startswith("float_before_cast_")}
    assert set(outputs) - before_cast == set(PIPELINES)

    for name, make_resize in PIPELINES.items():
        number = re.search(r"\d+", config["pipelines"].get(name, ""))
        resize = make_resize(number and int(number.group()))
        converter = ImageConverter(config["size"], resize)
        for image, expected in zip(images, outputs[name], strict=True):
            results = {
                "numpy": converter(image),
                "backend tensor": converter(keras.ops.convert_to_tensor(image)),
                "batch": converter(np.stack([image, image]))[1],
                "tf.data": next(iter(tf.data.Dataset.from_tensors(image).map(converter))),
            }
            for kind, result in results.items():
                assert_equal(f"{fixture} {name}", kind, result, expected)


@pytest.mark.parametrize("fixture", fixtures_of(IMAGES))
def test_truncation_is_the_floor_of_the_floats_of_the_reference(fixture):
    outputs = load_arrays(fixture, "outputs.npz")
    inputs = load_arrays(fixture, "inputs.npz")
    converter = ImageConverter(load_json(fixture)["size"])
    for index in range(len(inputs)):
        steps = (np.asarray(converter(inputs[f"image_{index}"])) + 1) * 127.5
        floats = outputs[f"float_before_cast_{index}"]
        np.testing.assert_allclose(steps, np.floor(floats), atol=1e-4)


@pytest.mark.parametrize("resize", [StretchResize(), SmallerSideResize(), StretchResize(12)])
def test_a_constant_picture_stays_constant(resize):
    converted = np.asarray(ImageConverter(8, resize)(np.full((13, 21, 3), 200, "uint8")))
    np.testing.assert_array_equal(converted, np.full((8, 8, 3), np.float32(200 / 127.5 - 1)))


def test_nothing_changes_at_the_size_of_the_tower():
    image = picture(8, 8)
    converted = np.asarray(ImageConverter(8)(image))
    expected = image.astype("float32") / np.float32(255) * np.float32(2) - np.float32(1)
    np.testing.assert_array_equal(converted, expected)


@pytest.mark.parametrize("height, width", [(30, 50), (50, 30), (31, 31), (9, 200), (3, 5)])
def test_smaller_side_keeps_the_centre(height, width):
    """Left of the middle black, right of it white: the edge must stay in the middle."""
    image = np.zeros((height, width, 3), "uint8")
    image[:, width // 2 + width % 2 :] = 255
    converted = np.asarray(ImageConverter(8, SmallerSideResize())(image))
    assert converted.shape == (8, 8, 3)
    assert (converted[:, 1] < 0).all() and (converted[:, 6] > 0).all()


def test_not_square():
    assert ImageConverter((6, 10))(picture(20, 20)).shape == (6, 10, 3)
    assert ImageConverter((6, 10), SmallerSideResize())(picture(20, 30)).shape == (6, 10, 3)


def test_pictures_of_several_sizes_in_a_list_are_stacked():
    images = [picture(9, 12), picture(20, 7), picture(8, 8)]
    converter = ImageConverter(8)
    stacked = np.asarray(converter(images))
    for image, row in zip(images, stacked, strict=True):
        np.testing.assert_array_equal(row, np.asarray(converter(image)))


def test_other_integers_in_range_are_taken():
    image = picture(9, 9)
    for dtype in ("int32", "int64", "uint16"):
        np.testing.assert_array_equal(
            np.asarray(ImageConverter(4)(image.astype(dtype))), np.asarray(ImageConverter(4)(image))
        )


def test_static_shape_in_tf_data():
    dataset = tf.data.Dataset.from_generator(
        lambda: [picture(9, 5), picture(4, 4)],
        output_signature=tf.TensorSpec((None, None, 3), tf.uint8),
    ).map(ImageConverter(8, SmallerSideResize()))
    assert dataset.element_spec.shape == (8, 8, 3)
    assert len(list(dataset)) == 2


@pytest.mark.parametrize(
    "images, message",
    [
        (np.zeros((4, 4, 3), "float32"), r"must be uint8.*Received: float32.*\* 255"),
        (np.zeros((4, 4, 3), bool), "must be uint8.*Received: bool"),
        (np.full((4, 4, 3), 256), r"must lie in \[0, 255\].*256"),
        (np.full((4, 4, 3), -1), r"must lie in \[0, 255\].*-1"),
        (np.zeros((4, 4), "uint8"), "Grayscale.*np.repeat"),
        (np.zeros((2, 4, 4, 1), "uint8"), "Grayscale.*np.repeat"),
        (np.zeros((4, 4, 4), "uint8"), "RGBA"),
        (np.zeros((3, 4, 5), "uint8"), "Channels first.*np.moveaxis"),
        (np.zeros((1, 2, 4, 4, 3), "uint8"), "one picture .* or a batch"),
        ([np.zeros((4, 4, 3), "uint8"), np.zeros((5, 4, 3), "float32")], "must be uint8"),
        ([], "images is empty"),
    ],
)
def test_errors(images, message):
    with pytest.raises(ValueError, match=message):
        ImageConverter(4)(images)


@pytest.mark.parametrize(
    "spec, message",
    [
        (tf.TensorSpec((4, 4, 3), tf.float32), "must be uint8.*float32"),
        (tf.TensorSpec((4, 4, 4), tf.uint8), "RGBA"),
        (tf.TensorSpec(None, tf.uint8), "tf.ensure_shape"),
    ],
)
def test_errors_in_tf_data(spec, message):
    dataset = tf.data.Dataset.from_generator(lambda: [], output_signature=spec)
    with pytest.raises(ValueError, match=message):
        dataset.map(ImageConverter(4))


def test_a_crop_larger_than_the_resized_picture_raises():
    with pytest.raises(ValueError, match="cannot be cut"):
        ImageConverter(32, StretchResize(28))
    converter = ImageConverter(32, SmallerSideResize(36))
    converter.image_size = (48, 48)
    with pytest.raises(ValueError, match="cannot be cut"):
        converter(picture(50, 50))


def test_image_size_can_be_set():
    converter = ImageConverter(32, SmallerSideResize())
    converter.image_size = (8, 8)
    np.testing.assert_array_equal(
        np.asarray(converter(picture(9, 12))),
        np.asarray(ImageConverter(8, SmallerSideResize())(picture(9, 12))),
    )


@pytest.mark.parametrize("resize", [None, StretchResize((10, 12)), SmallerSideResize(12, "area")])
def test_config_round_trip(resize):
    converter = ImageConverter((8, 10), resize, name="converter")
    config = keras.saving.serialize_keras_object(converter)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is ImageConverter
    assert copy.get_config() == converter.get_config()
    np.testing.assert_array_equal(
        np.asarray(copy(picture(20, 31))), np.asarray(converter(picture(20, 31)))
    )
