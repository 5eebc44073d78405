"""Sizes of two towers and a number of devices -> bytes per device of a training step.

The step is compiled ahead of time for that many virtual devices of this machine. Neither weights
nor batches exist, only their shapes, so a tower of a billion parameters is planned on a laptop.

Usage: KERAS_BACKEND=jax python -m benchmarks.memory_plan --image vit_g14 --devices 64
"""

import argparse
import json
import math
import os
import sys
import time

LAYOUTS = ("fully_sharded", "data_parallel", "model_parallel")


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", default="vit_g14", help="vit_<size><patch size>")
    parser.add_argument("--image_size", type=int, default=224)
    parser.add_argument("--image_layers", type=int, help="other than the size's own")
    parser.add_argument("--text", default="L", help="size of the text tower")
    parser.add_argument("--text_layers", type=int, default=24)
    parser.add_argument("--vocabulary_size", type=int, default=32_000)
    parser.add_argument("--text_length", type=int, default=64)
    parser.add_argument("--batch_size", type=int, default=4096)
    parser.add_argument("--tuning", default="Lu")
    parser.add_argument("--devices", type=int, default=64)
    parser.add_argument("--layout", choices=LAYOUTS, default="fully_sharded")
    parser.add_argument("--model_axis", type=int, default=4, help="of --layout model_parallel")
    parser.add_argument("--json", action="store_true", help="print one line of JSON instead")
    return parser.parse_args(arguments)


def build(options):
    """Returns a compiled LiT model; its variables have shapes and no values."""
    import keras

    import keras_lit
    from keras_lit.backbones.sizes import TRANSFORMER_SIZES

    size, patch_size = options.image.removeprefix("vit_")[:-2], int(options.image[-2:])
    image_size = dict(TRANSFORMER_SIZES[size])
    image_size["num_layers"] = options.image_layers or image_size["num_layers"]
    text_size = {**TRANSFORMER_SIZES[options.text], "num_layers": options.text_layers}
    image_backbone = keras_lit.backbones.ViTBackbone(
        (options.image_size, options.image_size, 3), patch_size, **image_size
    )
    text_backbone = keras_lit.backbones.TextTransformerBackbone(
        options.vocabulary_size, options.text_length, **text_size
    )
    model = keras_lit.LiTModel(
        keras_lit.Tower(image_backbone, "class_token", projection_dim=text_size["hidden_dim"]),
        keras_lit.Tower(text_backbone, "last_token"),
        tuning=options.tuning,
    )
    # What Keras itself does in `compile`; the checks of ours look at values.
    keras.Model.compile(model, options.optimizer, loss=None)
    model.contrastive_loss = keras_lit.losses.SoftmaxContrastiveLoss()
    model.optimizer.build(model.trainable_variables)
    return model


def plan(options):
    """Compiles one training step and returns numbers about one device."""
    import keras

    import keras_lit
    from keras_lit import distribution

    if options.layout == "model_parallel":
        distribution.model_parallel(options.model_axis)
    else:
        getattr(distribution, options.layout)()
    options.optimizer = keras_lit.optimizers.LiTAdafactor()
    with keras.StatelessScope(initialize_variables=False):
        model = build(options)
        inputs = {
            tensor.name: ((options.batch_size, *tensor.shape[1:]), tensor.dtype)
            for tensor in keras.tree.flatten(model.input)
        }
        start = time.perf_counter()
        planned = distribution.plan_step(model, inputs)
    weights = model.weights
    return {
        "parameters": sum(math.prod(weight.shape) for weight in weights),
        "image_parameters": sum(math.prod(w.shape) for w in model.image_tower.weights),
        "weight_bytes": 4 * sum(math.prod(weight.shape) for weight in weights),
        "weight_bytes_per_device": planned["weights"],
        "optimizer_bytes_per_device": planned["optimizer"],
        "batch_bytes_per_device": planned["batch"],
        "step_bytes_per_device": planned["activations"],
        "exchanged_bytes_per_device": planned["exchanged"],
        "seconds_to_compile": time.perf_counter() - start,
    }


def main(arguments):
    options = parse(arguments)
    os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={options.devices}"
    numbers = plan(options)
    if options.json:
        print(json.dumps(numbers))
        return
    print(
        f"{options.image} ({numbers['image_parameters'] / 1e9:.2f} B parameters) with a text tower "
        f"of {options.text_layers} layers, tuning {options.tuning}, {options.layout} over "
        f"{options.devices} devices, batch {options.batch_size:,}:"
    )
    for name in ("weight", "optimizer", "batch", "step"):
        print(f"{name:>10s} {numbers[f'{name}_bytes_per_device'] / 1e6:12,.1f} MB per device")
    print(
        f"    weights {numbers['weight_bytes'] / numbers['weight_bytes_per_device']:12.1f} times "
        "smaller than on one device. `step` is what XLA's CPU compiler plans for activations; "
        f"compiled in {numbers['seconds_to_compile']:.0f} s."
    )


if __name__ == "__main__":
    main(sys.argv[1:])
