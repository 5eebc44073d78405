"""Shares of batches: every pair once, equal numbers of rows and steps, copies masked."""

from unittest import mock

import numpy as np
import pytest
import tensorflow as tf

from keras_lit import distribution
from keras_lit.preprocessing import shares
from keras_lit.preprocessing.batches import clear_errors

pytestmark = pytest.mark.any_backend


def numbered(num_pairs, batch_size, **kwargs):
    pairs = {"images": np.arange(num_pairs, dtype="float32"), "token_ids": np.arange(num_pairs)}
    return tf.data.Dataset.from_tensor_slices(pairs).batch(batch_size, **kwargs)


@pytest.fixture
def cluster():
    """Pretends that this is one of some processes with some devices; returns its batches."""

    def batches_of(process, num_processes, num_replicas, make_batches):
        answers = {
            "num_processes": lambda: num_processes,
            "num_replicas": lambda: num_replicas,
            "local_rows": lambda rows: (
                process * rows // num_processes,
                (process + 1) * rows // num_processes,
            ),
            "distribute_batches": lambda batches: batches,
        }
        with mock.patch.multiple(distribution, **answers):
            return list(make_batches().as_numpy_iterator())

    return batches_of


@pytest.mark.parametrize("num_pairs", [8, 9, 13, 16])
def test_every_pair_is_read_once_in_equally_many_steps(cluster, num_pairs):
    found = [
        cluster(process, 2, 4, lambda: shares.share_batches(numbered(num_pairs, 8)))
        for process in range(2)
    ]
    assert len(found[0]) == len(found[1]) == -(-num_pairs // 8)
    read = []
    for step in zip(*found, strict=True):
        sizes = {len(rows) for batch in step for rows in batch.values()}
        assert len(sizes) == 1 and sizes.pop() % 2 == 0
        for batch in step:
            np.testing.assert_array_equal(batch["images"], batch["token_ids"])
            read.extend(batch["images"][batch["pair_mask"] > 0])
    np.testing.assert_array_equal(read, np.arange(num_pairs))


def test_batches_that_divide_get_no_mask(cluster):
    (batch,) = cluster(0, 1, 4, lambda: shares.share_batches(numbered(8, 8, drop_remainder=True)))
    assert set(batch) == {"images", "token_ids"}


def test_one_device_leaves_batches_alone():
    batches = numbered(5, 4)
    assert shares.share_batches(batches) is batches
    assert shares.check_divides(batches) is batches


def test_a_chunk_larger_than_the_first_batch_is_refused(cluster):
    sizes = [len(batch["images"]) for batch in shares.check_chunk_size(numbered(10, 8), 8)]
    assert sizes == [8, 2]
    with pytest.raises(ValueError, match=r"chunk_size=9` must not exceed.*\[8\]"):
        with clear_errors():
            list(shares.check_chunk_size(numbered(10, 8), 9))

    def local():
        return shares.check_chunk_size(shares.mark_local(numbered(10, 4)), 8)

    assert len(cluster(0, 2, 2, local)) == 3


def test_a_share_taken_early_is_not_taken_again(cluster):
    def early():
        files = tf.data.Dataset.from_tensor_slices(np.arange(16)).batch(8, drop_remainder=True)
        share = files.apply(shares.local_share)
        return shares.share_batches(share.map(lambda rows: {"images": rows}))

    found = [cluster(process, 2, 2, early) for process in range(2)]
    assert [batch["images"].tolist() for batch in found[0]] == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert [batch["images"].tolist() for batch in found[1]] == [[4, 5, 6, 7], [12, 13, 14, 15]]


def test_groups_stay_together(cluster):
    (batch,) = cluster(0, 1, 2, lambda: shares.share_batches(numbered(5, 5), row_multiple=4))
    np.testing.assert_array_equal(batch["pair_mask"], [1, 1, 1, 1, 1, 0, 0, 0])


def test_what_cannot_be_padded_says_so(cluster):
    with pytest.raises(ValueError, match="drop_remainder=True"):
        files = tf.data.Dataset.from_tensor_slices(np.arange(5)).batch(4)
        cluster(0, 2, 2, lambda: shares.local_share(files))
    with pytest.raises(ValueError, match="must come as a tf.data.Dataset"):
        cluster(0, 2, 2, lambda: shares.share_batches([1]))


def test_padding_leaves_the_predictions_again():
    outputs = {"image_embeddings": np.eye(3), "pair_mask": np.array([1.0, 0, 1])}
    rows = shares.without_padding(outputs)
    np.testing.assert_array_equal(rows["image_embeddings"], np.eye(3)[[0, 2]])
