"""Tower: inputs it selects, poolings it takes, unit norm, locking, errors."""

import keras
import keras_hub
import numpy as np
import pytest
from keras import ops

import keras_lit
from tests import tiny


def test_unit_norm_equals_numpy_rule():
    from keras_lit.layers.unit_norm import unit_norm

    rows = np.random.default_rng(0).normal(size=(5, 7)).astype("float32")
    expected = rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-8)
    np.testing.assert_allclose(ops.convert_to_numpy(unit_norm(rows)), expected, atol=1e-7)
    assert not ops.convert_to_numpy(unit_norm(np.zeros((1, 3), "float32"))).any()


def test_embedding_is_pooled_projected_and_normalised():
    tower = keras_lit.Tower(tiny.image_backbone(), pooling="mean", projection_dim=5)
    tiny.fill(tower)
    images = tiny.pairs()["images"]
    features = ops.convert_to_numpy(tower.backbone(images, training=False)).mean(axis=(1, 2))
    kernel, bias = (ops.convert_to_numpy(w) for w in tower.projection.weights)
    expected = features @ kernel + bias
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(ops.convert_to_numpy(tower(images)), expected, atol=1e-5)
    assert tower.embedding_dim == 5


def test_backbone_with_a_dict_of_inputs_gets_those_it_names():
    bert = keras_hub.models.BertBackbone(
        vocabulary_size=20,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=8,
        max_sequence_length=6,
    )
    token_ids = np.array([[1, 2, 3, 0], [4, 5, 0, 0]], "int32")
    mask = (token_ids != 0).astype("int32")
    inputs = {"token_ids": token_ids, "padding_mask": mask, "images": None}
    complete = {"token_ids": token_ids, "padding_mask": mask, "segment_ids": 0 * token_ids}
    sequence = ops.convert_to_numpy(bert(complete)["sequence_output"])
    pooled = ops.convert_to_numpy(bert(complete)["pooled_output"])
    mean = (sequence * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    for pooling, expected in [
        ("class_token", sequence[:, 0]),
        ("last_token", sequence[[0, 1], [2, 1]]),
        ("mean", mean),
        (None, pooled),
    ]:
        expected = expected / np.linalg.norm(expected, axis=1, keepdims=True)
        embeddings = ops.convert_to_numpy(keras_lit.Tower(bert, pooling)(inputs))
        np.testing.assert_allclose(embeddings, expected, atol=1e-5, err_msg=str(pooling))


def test_locked_tower_runs_as_in_inference_and_trains_nothing():
    tower = keras_lit.Tower(tiny.image_backbone(dropout=0.5), pooling="mean")
    tiny.fill(tower)
    images = tiny.pairs()["images"]
    trained = ops.convert_to_numpy(tower(images, training=True))
    inference = ops.convert_to_numpy(tower(images, training=False))
    assert not np.allclose(trained, inference)
    tower.lock()
    np.testing.assert_array_equal(ops.convert_to_numpy(tower(images, training=True)), inference)
    assert tower.locked and not tower.trainable_variables
    tower.unlock()
    assert not tower.locked and tower.trainable_variables


def test_another_resolution_keeps_what_stands_after_the_backbone():
    backbone = keras_lit.backbones.ViTBackbone(
        (8, 8, 3), 4, hidden_dim=8, num_layers=1, num_heads=2, mlp_dim=16
    )
    tower = keras_lit.Tower(backbone, "attention", projection_dim=5)
    tower.lock()
    resized = tower.at_image_shape((12, 12, 3))
    assert resized.locked and not resized.trainable_variables
    assert resized.backbone.get_layer("positions").positions.shape == (1, 1 + 9, 8)
    for old, new in zip(tower.weights, resized.weights, strict=True):
        if "positions" not in old.path:
            np.testing.assert_array_equal(new, old)
    with pytest.raises(ValueError, match="no `at_image_shape`.*image_shape="):
        keras_lit.Tower(tiny.image_backbone(), "mean").at_image_shape((16, 16, 3))


def test_bfloat16_backbone_gives_float32_embeddings():
    images = keras.Input((8, 8, 3))
    features = keras.layers.Conv2D(8, 4, strides=4, dtype="mixed_bfloat16")(images)
    tower = keras_lit.Tower(keras.Model(images, features), pooling="mean")
    embeddings = tower(tiny.pairs()["images"])
    assert keras.backend.standardize_dtype(embeddings.dtype) == "float32"
    lengths = np.linalg.norm(ops.convert_to_numpy(embeddings), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)


def test_errors_say_what_to_do():
    class Subclassed(keras.Model):
        pass

    with pytest.raises(ValueError, match="Wrap a subclassed one"):
        keras_lit.Tower(Subclassed())
    with pytest.raises(ValueError, match="Pass a pooling such as"):
        keras_lit.Tower(tiny.image_backbone())
    with pytest.raises(ValueError, match="class_token"):
        keras_lit.Tower(tiny.image_backbone(), pooling="average")
    with pytest.raises(ValueError, match="projection_dim"):
        keras_lit.Tower(tiny.image_backbone(), pooling="mean", projection_dim=0)
    tower = keras_lit.Tower(tiny.text_backbone(), pooling="last_token", name="text_tower")
    with pytest.raises(ValueError, match="'text_tower'.*'token_ids' is missing"):
        tower({"padding_mask": np.ones((2, 4), "int32")})
