"""Batches of NumPy arrays -> batches of torch tensors, and as many threads as cores."""

import torch

from benchmarks import measure


def as_tensors(batches):
    """Returns the batches as tensors, images as (batch, channels, height, width)."""
    torch.set_num_threads(measure.num_cores())
    tensors = [{name: torch.from_numpy(rows) for name, rows in batch.items()} for batch in batches]
    for batch in tensors:
        if "images" in batch:
            batch["images"] = batch["images"].permute(0, 3, 1, 2).contiguous()
    return tensors
