"""One script, every backend and device count: the same losses and weights after 20 steps.

`pytest -s` prints the matrix; `--all_configurations` runs all of its rows and recipes, not only
those of `make test`.
"""

import importlib.util

import numpy as np
import pytest

from integration_tests import configurations
from integration_tests.train_worker import (
    BATCH_SIZE,
    GROUP_SIZE,
    LAST_BATCH_SIZE,
    MUTATIONS,
    NUM_STEPS,
    REGULARIZATION,
)

TOLERANCE = 1e-5
# Rounding to 8 bits hides small differences until it shows them; sums over devices have an order.
BFLOAT16_TOLERANCE = 1e-2
RECIPES = ("sigmoid", "local_softmax", "mixed_bfloat16", "not_compiled")


@pytest.fixture(scope="module")
def matrix(tmp_path_factory, request):
    """Runs every row, two processes at a time, and returns its arrays by recipe."""
    folder = tmp_path_factory.mktemp("matrix")
    everything = request.config.getoption("--all_configurations")
    rows = [
        row
        for row in configurations.CONFIGURATIONS
        if (everything or row.on_every_change) and importlib.util.find_spec(row.backend)
    ]
    found, running = {}, []

    def finish(row, path, processes):
        found[row] = configurations.finish_row(processes, path)

    for number, row in enumerate(rows):
        if sum(other.processes for other, *_ in running) + row.processes > 2:
            for entry in running:
                finish(*entry)
            running = []
        recipes = ["softmax", *(RECIPES if everything else ())]
        if row.name == "TensorFlow, 2 devices":
            recipes += MUTATIONS
        path = folder / f"{number}.npz"
        running.append((row, path, configurations.start_row(row, path, recipes)))
    for entry in running:
        finish(*entry)
    return found


def differences(result, reference):
    """Largest relative difference of a loss, and largest absolute difference of a weight."""
    losses = np.abs(result["losses"] / reference["losses"] - 1).max()
    weights = [name for name in reference if name.startswith("weight ")]
    assert [name for name in result if name.startswith("weight ")] == weights
    # The true gradient of a key's bias is 0, and Adam makes steps of the rounding noise in it.
    weights = [name for name in weights if not name.endswith("key/bias")]
    return losses, max(np.abs(result[name] - reference[name]).max() for name in weights)


def test_same_losses_and_weights(matrix):
    reference = matrix[configurations.REFERENCE]
    print(f"\n{'configuration':34s}{'recipe':16s}{'loss':>10s}{'weights':>10s}  locked bytes equal")
    problems = []
    for row, results in matrix.items():
        for recipe, result in results.items():
            if recipe in MUTATIONS:
                continue
            loss, weight = differences(result, reference[recipe])
            equal = bool(result["locked_bytes_equal"])
            cells = f"{row.name:34s}{recipe:16s}{loss:10.1e}{weight:10.1e}"
            print(f"{cells}  {'yes' if equal else 'NO'}")
            tolerance = BFLOAT16_TOLERANCE if recipe == "mixed_bfloat16" else TOLERANCE
            if not (max(loss, weight) <= tolerance and equal):
                problems.append(cells)
        assert len(results["softmax"]["losses"]) == NUM_STEPS
    assert not problems, problems


def test_every_pair_counts_once_whatever_the_device_count(matrix):
    """`evaluate` and `predict` on a batch and a smaller one that no number of devices divides."""
    reference = matrix[configurations.REFERENCE]["softmax"]
    for row, results in matrix.items():
        result = results["softmax"]
        images, texts = result["end image_embeddings"], result["end text_embeddings"]
        assert images.shape == texts.shape == (BATCH_SIZE + LAST_BATCH_SIZE, 8), row
        temperature = np.exp(result["weight head/log_temperature"])
        table = result["weight token_embedding/embeddings"]
        regularization = REGULARIZATION * np.square(table).sum()
        losses, correct = [], []
        for rows in (slice(0, BATCH_SIZE), slice(BATCH_SIZE, None)):
            batch_losses, is_best = oracle(images[rows], texts[rows], temperature)
            losses.extend(batch_losses)
            correct.extend(is_best)
        expected = [np.mean(losses) + regularization, np.mean(correct)]
        np.testing.assert_allclose(result["evaluation"], expected, rtol=TOLERANCE, err_msg=row.name)
        for name in ("end image_embeddings", "end text_embeddings", "encoded"):
            np.testing.assert_allclose(result[name], reference[name], atol=TOLERANCE)


def oracle(images, texts, temperature):
    """The softmax loss of each pair in float64 NumPy, and if its text is the best for its image."""
    logits = temperature * images.astype("float64") @ texts.astype("float64").T
    losses = [np.log(np.exp(rows).sum(1)) - np.diag(rows) for rows in (logits, logits.T)]
    return np.mean(losses, axis=0), logits.argmax(1) == np.arange(len(logits))


def test_the_first_loss_is_that_of_the_global_batch_in_numpy(matrix):
    for results in matrix.values():
        for recipe, result in results.items():
            if recipe in ("sigmoid", "mixed_bfloat16", *MUTATIONS):
                continue
            images, texts = result["start image_embeddings"], result["start text_embeddings"]
            assert images.shape == (BATCH_SIZE, 8)
            size = GROUP_SIZE if recipe == "local_softmax" else BATCH_SIZE
            groups = [slice(first, first + size) for first in range(0, BATCH_SIZE, size)]
            losses = [oracle(images[rows], texts[rows], 10)[0] for rows in groups]
            expected = np.mean(losses) + result["regularization"]
            np.testing.assert_allclose(result["losses"][0], expected, rtol=TOLERANCE)
            assert result["losses"][-1] != result["losses"][0]


def test_without_what_replicas_need_the_matrix_turns_red(matrix):
    reference = matrix[configurations.REFERENCE]["softmax"]["losses"]
    (mutated,) = [r for row, r in matrix.items() if row.name == "TensorFlow, 2 devices"]
    for name in MUTATIONS:
        losses = mutated[name]["losses"]
        difference = np.abs(losses / reference[: len(losses)] - 1).max()
        assert not difference <= TOLERANCE, name
