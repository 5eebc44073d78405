"""Which axis of a variable is split, told from its shape."""

import pytest

from keras_lit.distribution._jax_layouts import fully_sharded_axes, tensor_parallel_axes

MODEL, DATA = "model", "batch"


@pytest.mark.parametrize(
    "shape, axes",
    [
        ((), ()),
        ((7,), (None,)),
        ((8,), (DATA,)),
        ((8, 32), (None, DATA)),
        ((50, 8), (None, DATA)),
        ((8, 8), (DATA, None)),
        ((3, 3, 4, 16), (None, None, None, DATA)),
    ],
)
def test_fully_sharded_splits_the_largest_axis_that_four_devices_divide(shape, axes):
    assert fully_sharded_axes(shape, 4) == axes


@pytest.mark.parametrize(
    "what, shape, axes",
    [
        ("query, key or value", (12, 2, 6), (None, MODEL, None)),
        ("attention's output", (2, 6, 12), (MODEL, None, None)),
        ("three heads on two devices", (12, 3, 4), (None, None, None)),
        ("an MLP's first kernel", (12, 48), (None, MODEL)),
        ("an MLP's second kernel", (48, 12), (MODEL, None)),
        ("embeddings", (100, 12), (MODEL, None)),
        ("a square projection", (12, 12), (None, None)),
        ("a bias, a norm", (12,), (None,)),
        ("the patches' kernel", (4, 4, 3, 12), (None, None, None, None)),
    ],
)
def test_tensor_parallel_splits_a_kernel_by_its_role(what, shape, axes):
    assert tensor_parallel_axes(shape, 2) == axes, what
