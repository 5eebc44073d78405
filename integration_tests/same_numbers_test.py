"""One script, every backend and device count: the same losses and weights after 20 steps.

`pytest -s` prints the matrix; `--all_configurations` runs all of its rows and recipes, not only
those of `make test`.
"""

import concurrent.futures
import importlib.util

import numpy as np
import pytest

from integration_tests import configurations
from integration_tests.recipes import (
    BATCH_SIZE,
    GROUP_SIZE,
    LAST_BATCH_SIZE,
    RECIPES,
    REGULARIZATION,
)
from integration_tests.train_worker import MUTATIONS

TOLERANCE = 1e-5


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

    def run(row):
        names = list(RECIPES) if everything else ["softmax"]
        mutations = MUTATIONS if row == configurations.MUTATED else ()
        path = folder / f"{rows.index(row)}.npz"
        return configurations.run_row(row, path, [*names, *mutations])

    found = {}
    for num_processes, at_once in ((1, 2), (2, 1)):
        chosen = [row for row in rows if row.processes == num_processes]
        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            found.update(zip(chosen, pool.map(run, chosen), strict=True))
    return {row: found[row] for row in rows}


def trained(result, prefix="weight "):
    """Returns the trained weights whose true gradient is not 0, by name."""
    names = [name for name in result if name.startswith(prefix)]
    # A key's bias changes no attention: its gradient is rounding noise, of which Adam makes steps.
    return {name: result[name] for name in names if not name.endswith("key/bias")}


def differences(result, reference):
    """Largest relative difference of a loss, and largest absolute difference of a weight."""
    losses = np.abs(result["losses"] / reference["losses"] - 1).max()
    weights, expected = trained(result), trained(reference)
    assert weights.keys() == expected.keys()
    return losses, max(np.abs(weights[name] - expected[name]).max() for name in weights)


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
            in_float32 = RECIPES[recipe].dtype_policy == "float32"
            if not equal or (in_float32 and not max(loss, weight) <= TOLERANCE):
                problems.append(cells)
        assert len(results["softmax"]["losses"]) == RECIPES["softmax"].num_steps
    assert not problems, problems


def rounding(result, exact):
    """How far bfloat16 takes a training from float32: its first loss, relative, and its gradients.

    Of the gradients it is the norm of the difference between how the two moved the weights.
    """
    moves = []
    for each in (result, exact):
        before, after = trained(each, "before "), trained(each)
        moves.append([after[name.replace("before", "weight")] - before[name] for name in before])
    gradients = np.sqrt(sum(np.sum((a - b) ** 2) for a, b in zip(*moves, strict=True)))
    return np.array([abs(result["losses"][0] / exact["losses"][0] - 1), gradients])


@pytest.mark.all_configurations
def test_in_bfloat16_devices_are_as_near_to_float32_as_one_is(matrix):
    """Gradients cannot agree to 1e-5: each device rounds what it sums up, and so does one device.

    A second rounding beside the first, as large and independent of it, makes it sqrt(2) of it.
    """
    print(f"\n{'bfloat16 - float32':34s}{'first loss':>12s}{'gradients':>12s}{'- one device':>14s}")
    reference = matrix[configurations.REFERENCE]
    one_device = rounding(reference["mixed_bfloat16"], reference["not_compiled"])
    problems = []
    for row, results in matrix.items():
        found = results["mixed_bfloat16"]
        errors = rounding(found, results["not_compiled"])
        loss, gradients = rounding(found, reference["mixed_bfloat16"])
        cells = f"{row.name:34s}{errors[0]:12.1e}{errors[1]:12.1e}{gradients:14.1e}"
        print(cells)
        # JAX runs the same towers on each device's rows, and exchanges their outputs in float32.
        same_rows = row.backend == "jax" and row.layout == "data_parallel"
        if np.any(errors > np.sqrt(2) * one_device) or (same_rows and loss > TOLERANCE):
            problems.append(cells)
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
    mutated = matrix[configurations.MUTATED]
    for name in MUTATIONS:
        losses = mutated[name]["losses"]
        difference = np.abs(losses / reference[: len(losses)] - 1).max()
        assert not difference <= TOLERANCE, name
