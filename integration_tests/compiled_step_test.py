"""What the compiled steps of JAX exchange between devices, and hold on each."""

import json

import pytest

from integration_tests import configurations

BATCH_SIZE, DIM, DEVICES = 64, 8, 4


@pytest.fixture(scope="module")
def steps():
    worker = configurations.start("compiled_step_worker", "jax", DEVICES)
    return json.loads(configurations.finish(worker).splitlines()[-1])


@pytest.mark.parametrize("run", ["whole", "both towers train", "cached", "micro-batches"])
def test_data_parallel_gathers_embeddings_once_and_never_images_or_logits(steps, run):
    step = steps["data_parallel"][run]
    gathered = [size for size in step["moved"]["all-gather"] if size > BATCH_SIZE]
    # Image embeddings stay where they are: each device compares its own with all texts.
    assert gathered == [BATCH_SIZE * DIM], step["moved"]
    # A chunk of a loss starts in the middle of a device's rows, of which some numbers go round.
    for operation in ("all-to-all", "collective-permute"):
        assert max(step["moved"][operation], default=0) <= BATCH_SIZE, step["moved"]
    # Gradients, those of the gathered embeddings, and a few numbers per pair for the softmax.
    largest = max(BATCH_SIZE * DIM, *step["gradients"])
    reduced = step["moved"]["all-reduce"] + step["moved"]["reduce-scatter"]
    assert max(reduced) <= largest, step["moved"]
    assert sum(reduced) <= BATCH_SIZE * DIM + sum(step["gradients"]) + 16 * BATCH_SIZE


def test_fully_sharded_splits_weights_and_optimizer_state(steps):
    here, everywhere = steps["fully_sharded"]["whole"]["held"]
    # Scalars, and axes that the devices do not divide, are whole on each.
    assert everywhere / DEVICES <= here < 1.1 * everywhere / DEVICES
    replicated, total = steps["data_parallel"]["whole"]["held"]
    assert replicated == total == everywhere
