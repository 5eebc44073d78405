"""A tower -> the floating point operations of one example, forward and in a training step."""

import math

import keras


def forward_flops(tower, length):
    """Estimates the floating point operations of a tower's forward pass for one example.

    Two per weight of a kernel, at each position of the layer's output. That leaves out the products
    between tokens, 4 % of a ViT-B/16, and normalisation.

    Args:
        tower: `keras_lit.Tower`.
        length: Integer, number of tokens of a text.
    """
    return sum(flops for _, kernels in _layers(tower, length) for _, flops in kernels)


def step_flops(tower, length):
    """Estimates the floating point operations of a tower in a training step, for one example.

    For each kernel that trains three times its forward pass: the pass itself, the gradient of its
    values, the gradient of its inputs. The latter is also due to a locked kernel behind something
    that trains.

    Args:
        tower: `keras_lit.Tower`.
        length: Integer, number of tokens of a text.
    """
    total, anything_trains = 0, False
    for layer, kernels in _layers(tower, length):
        anything_trains = anything_trains or bool(layer.trainable_variables)
        total += sum(flops * (1 + anything_trains + kernel.trainable) for kernel, flops in kernels)
    return total


def _layers(tower, length):
    """Yields the layers of a tower in their order, each with its kernels and their operations."""
    yield from _layers_of_model(tower.backbone, length)
    for layer in (tower.pooling, tower.projection):
        if layer is not None:
            yield layer, [(kernel, 2 * math.prod(kernel.shape)) for kernel in _kernels(layer)]


def _layers_of_model(model, length):
    for layer in model.layers:
        if isinstance(layer, keras.Model) and layer.inputs:
            yield from _layers_of_model(layer, length)
            continue
        kernels, positions = _kernels(layer), 1
        if kernels:
            output = keras.tree.flatten(layer.output)[0]
            positions = math.prod(length if n is None else n for n in output.shape[1:-1])
        yield layer, [(kernel, 2 * math.prod(kernel.shape) * positions) for kernel in kernels]


def _kernels(layer):
    return [weight for weight in layer.weights if weight.name == "kernel"]
