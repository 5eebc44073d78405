"""Every family of image towers, locked whole and in part: bytes, slots, dropout, statistics."""

import keras
import pytest

import keras_lit
from keras_lit.tuning import Lock
from tests.tuning import families


def test_what_is_locked_keeps_every_byte_beside_what_trains():
    """Locks of whole towers: on two devices, in `integration_tests/two_devices_worker.py`."""
    model = families.model_of_all_families()
    tower = model.image_tower
    assert {"seed_generator_state", "moving_mean"} <= {v.name for v in tower.variables}
    # The last block of the ResNet with batch norms, and the projection of all families.
    tower.lock(keep=["head", "stack1_block0_*"])
    model.compile(
        keras.optimizers.SGD(1.0, 0.9),
        keras_lit.losses.SoftmaxContrastiveLoss(),
        **families.STEP_OF_ALL,
    )
    kept = {id(variable) for variable in tower.trainable_variables}
    assert len(kept) > 6 and not [
        v for v in tower.variables if id(v) in kept and "moving" in v.path
    ]
    assert families.moved_by_training(model) == kept
    assert len(model.optimizer.variables) == 2 + len(model.trainable_variables)


@pytest.mark.parametrize("name", families.IMAGE_FAMILIES)
def test_the_last_block_and_what_follows_are_kept(name):
    make, last_block = families.IMAGE_FAMILIES[name]
    tower = keras_lit.Tower(make(), "mean", projection_dim=8, lock=Lock(keep_last=1))
    kept = {v.path for v in tower.trainable_variables}
    block = {v.path for v in tower.weights if v.path.startswith(f"{last_block}")}
    statistics = {v.path for v in tower.weights if "moving" in v.path}
    after = kept - block
    assert block - statistics <= kept and {"projection/kernel", "projection/bias"} <= after
    assert all("norm" in path or "/ln/" in path or "projection" in path for path in after)
    assert not tower.locked and len(kept) < len(tower.weights) / 2 + 4
