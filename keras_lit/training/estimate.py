"""A compiled model and the length of a training -> what it will take: memory, examples, FLOPs."""

import dataclasses
import math

import keras

from keras_lit import distribution
from keras_lit.tuning.flops import forward_flops, step_flops

# Peak of dense bfloat16 products as their makers state it, FLOP/s.
ACCELERATORS = {"TPU v4": 275e12, "NVIDIA A100": 312e12, "NVIDIA H100 SXM": 989e12}
# The share of the peak that a training like this is assumed to reach.
UTILISATION = 0.4


@dataclasses.dataclass(frozen=True)
class Estimate:
    """What a training will take; an estimate, made before its first step.

    Args:
        num_parameters: Integer.
        num_trained: Integer, how many of them train.
        num_devices: Integer, over which the batch is spread.
        device_bytes: Dict of bytes per device, see `distribution.plan_step`.
        num_steps: Integer.
        num_examples: Integer, pairs seen in all steps.
        flops: Float, floating point operations of all steps.
    """

    num_parameters: int
    num_trained: int
    num_devices: int
    device_bytes: dict
    num_steps: int
    num_examples: int
    flops: float

    def hours(self, flops_per_second):
        """Returns how long it takes at a peak throughput per device, used to `UTILISATION`."""
        return self.flops / (self.num_devices * flops_per_second * UTILISATION) / 3600

    def __str__(self):
        parts = {
            name: "not known" if size is None else f"{size / 1e6:,.1f} MB"
            for name, size in self.device_bytes.items()
        }
        hours = [f"{self.hours(peak):,.1f} on {name}" for name, peak in ACCELERATORS.items()]
        return "\n".join(
            [
                "Estimate, before the first step:",
                f"  parameters   {self.num_parameters:,}, of which {self.num_trained:,} train",
                f"  per device   {', '.join(f'{name} {size}' for name, size in parts.items())}",
                f"  examples     {self.num_examples:,} pairs in {self.num_steps:,} steps",
                f"  compute      {self.flops:.2g} FLOP, input pipeline and evaluation left out",
                f"  hours        {', '.join(hours)}; {self.num_devices} of them, assumed to run at "
                f"{UTILISATION:.0%} of their peak",
            ]
        )


def estimate_training(model, batch_size, num_steps, is_cached=False):
    """Estimates what a training takes.

    Args:
        model: `keras_lit.LiTModel` with a preprocessor, compiled, its optimizer built.
        batch_size: Integer, pairs of the global batch.
        num_steps: Integer.
        is_cached: Whether image embeddings are stored, so that the image tower does not run.

    Returns:
        `Estimate`.
    """
    length = model.preprocessor.sequence_length
    inputs = {
        tensor.name: ((batch_size, *(length if n is None else n for n in tensor.shape[1:])), tensor)
        for tensor in keras.tree.flatten(model.input)
    }
    inputs = {name: (shape, tensor.dtype) for name, (shape, tensor) in inputs.items()}
    if is_cached:
        del inputs["images"]
        inputs["image_embeddings"] = ((batch_size, model.image_tower.embedding_dim), "float32")
    towers = [model.text_tower] if is_cached else [model.image_tower, model.text_tower]
    flops_of_pair = sum(step_flops(tower, length) for tower in towers)
    if model.text_tower.micro_batch_size is not None:  # Then the forward pass is made twice.
        flops_of_pair += sum(forward_flops(t, length) for t in towers if not t.locked)
    num_examples = batch_size * num_steps
    return Estimate(
        num_parameters=model.count_params(),
        num_trained=sum(math.prod(v.shape) for v in model.trainable_variables),
        num_devices=distribution.num_replicas(),
        device_bytes=distribution.plan_step(model, inputs),
        num_steps=num_steps,
        num_examples=num_examples,
        flops=float(flops_of_pair * num_examples),
    )
