"""What the compiled steps of JAX exchange between devices, and hold on each."""

import json

import pytest

from integration_tests import configurations

BATCH_SIZE, DIM, DEVICES = 64, 8, 4


@pytest.fixture(scope="module")
def steps():
    workers = [
        configurations.start("compiled_step_worker", "jax", layout, DEVICES)
        for layout in ("data_parallel", "fully_sharded")
    ]
    printed = [configurations.finish(worker) for worker in workers]
    return [json.loads(output.splitlines()[-1]) for output in printed]


@pytest.mark.parametrize("run", ["whole", "both towers train", "cached", "micro-batches"])
def test_data_parallel_gathers_embeddings_once_and_never_images_or_logits(steps, run):
    step = steps[0][run]
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
    here, everywhere = steps[1]["whole"]["held"]
    # Scalars, and axes that the devices do not divide, are whole on each.
    assert everywhere / DEVICES <= here < 1.1 * everywhere / DEVICES
    replicated, total = steps[0]["whole"]["held"]
    assert replicated == total == everywhere
