"""The original's recorded LiT training -> the same losses and weights through LiTModel.fit."""

import re

import keras
import numpy as np
import pytest

import keras_lit
from keras_lit.checkpoints import convert, open_checkpoint
from keras_lit.checkpoints.tables import entries_of
from tests import reference, tiny
from tests.checkpoints.fixture_models import build_fixture_model
from tests.optimizers.original_test import make_optimizer

pytestmark = pytest.mark.compiled

FIXTURE = "train_lit_softmax"


def recorded_model():
    """Builds the model of the recorded training, locked as there, with its first weights."""
    path = reference.reference_root() / FIXTURE / "params.npz"
    model = build_fixture_model(reference.load_json(FIXTURE), open_checkpoint(path).tensors)
    convert(path, model)
    model.tuning = "Lu"
    return model


def test_losses_and_weights_of_a_training():
    config = reference.load_json(FIXTURE)
    inputs = reference.load_arrays(FIXTURE, "inputs.npz")
    expected = reference.load_arrays(FIXTURE, "outputs.npz")
    model = recorded_model()
    first = tiny.values(model.weights)
    image_tower_before = [v.numpy().tobytes() for v in model.image_tower.weights]
    model.compile(make_optimizer(config), loss=keras_lit.losses.SoftmaxContrastiveLoss())

    losses = []
    for step in range(config["steps"]):
        pairs = {"images": inputs[f"images_{step}"], "token_ids": inputs[f"tokens_{step}"]}
        history = model.fit(pairs, batch_size=config["batch"], shuffle=False, verbose=0)
        losses += history.history["loss"]

    np.testing.assert_allclose(losses, expected["losses"], rtol=0, atol=2e-6)
    assert [v.numpy().tobytes() for v in model.image_tower.weights] == image_tower_before
    excluded = re.compile(config["exclude_from_comparison"].split(" ")[0])
    compared = 0
    for entry in entries_of(model):
        if entry.source.startswith("img/") or excluded.fullmatch(entry.source):
            continue
        value = keras.ops.convert_to_numpy(entry.variable).reshape(entry.source_shape)
        wanted = expected[f"final/{entry.source}"]
        np.testing.assert_allclose(value, wanted, rtol=0, atol=2e-6, err_msg=entry.source)
        compared += 1
    assert compared == sum(
        name.startswith("final/") and not excluded.fullmatch(name) for name in expected
    )
    moved = tiny.values(model.text_tower.weights)
    assert all(np.any(moved[path] != first[path]) for path in moved)


MODELS = ["mixer", "siglip_map", FIXTURE]


@pytest.mark.parametrize("fixture", MODELS)
def test_the_variables_that_decay_and_their_shapes_are_the_originals(fixture):
    path = next(iter(sorted((reference.reference_root() / fixture).glob("params*.npz"))))
    model = build_fixture_model(reference.load_json(fixture), open_checkpoint(path).tensors)
    if isinstance(model, keras_lit.LiTModel):
        model.tuning = "Uu"
    optimizer = keras_lit.optimizers.LiTAdafactor()
    variables = model.trainable_variables
    optimizer.build(variables)
    decays = {id(v): decays for v, decays in zip(variables, optimizer._decays, strict=True)}
    for entry in entries_of(model):
        is_kernel = re.fullmatch(".*/kernel", f"/{entry.source}") is not None
        assert decays[id(entry.variable)] == is_kernel, entry.source
        # Reshaped, a variable would be factored over other axes.
        if len(entry.variable.shape):
            assert tuple(entry.variable.shape) == entry.source_shape, entry.source
    assert any(decays.values()) and not all(decays.values())
