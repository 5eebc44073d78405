"""Settings -> callbacks that measure zero-shot classification and retrieval while training."""

import keras_lit
from keras_lit.evaluation import (
    RetrievalEvaluation,
    ZeroShotBenchmark,
    ZeroShotEvaluation,
    get_benchmark,
)

_BATCH_SIZE = 64


def evaluation_callbacks(config):
    """Returns one callback per benchmark, and one for retrieval on data of one's own.

    Args:
        config: Dict of settings.

    Raises:
        ValueError: If there is no such benchmark, or its data cannot be had.
    """
    settings = config["evaluation"]
    every_steps = settings["every_steps"]
    callbacks = [
        _benchmark_callback(get_benchmark(name), every_steps) for name in settings["benchmarks"]
    ]
    if settings["retrieval"] is not None:
        data = config["data"]
        source = keras_lit.data.open_source(
            settings["retrieval"], data["image_feature"], data["caption_feature"]
        )
        pairs = _Batches(source.pairs(_BATCH_SIZE), "captions", _rows)
        callbacks.append(RetrievalEvaluation(pairs, every_steps))
    return callbacks


def _benchmark_callback(benchmark, every_steps):
    is_zero_shot = isinstance(benchmark, ZeroShotBenchmark)
    target_name = "labels" if is_zero_shot else "captions"
    examples = (
        benchmark.source.open()
        .map(lambda example: {"images": example["image"], target_name: example["target"]})
        .ragged_batch(_BATCH_SIZE)
    )
    if not is_zero_shot:
        return RetrievalEvaluation(_Batches(examples, "captions", _rows), every_steps)

    def class_ids(labels):
        # Of pictures with several labels, as in ImageNet-ReaL, they come as a ragged tensor.
        dense = labels.to_tensor(-1) if hasattr(labels, "to_tensor") else labels
        return benchmark.class_ids(dense.numpy())

    return ZeroShotEvaluation(
        _Batches(examples, "labels", class_ids),
        benchmark.class_names,
        benchmark.prompt_templates,
        every_steps,
        text_rule=benchmark.text_rule,
    )


class _Batches:
    """Pictures of any sizes with their targets, as `PeriodicEvaluation` reads them repeatedly.

    Args:
        examples: `tf.data.Dataset` of batches of `images` and targets, ragged where sizes differ.
        target_name: String, `"labels"` or `"captions"`.
        read_targets: Function of a batch of targets that returns a list or array.
    """

    def __init__(self, examples, target_name, read_targets):
        self._examples = examples
        self._target_name = target_name
        self._read_targets = read_targets

    def __iter__(self):
        for batch in self._examples:
            targets = self._read_targets(batch[self._target_name])
            yield {"images": _rows(batch["images"]), self._target_name: targets}


def _rows(batch):
    """Returns the rows of a tensor as a list of arrays; pictures may be ragged themselves."""
    return [(row.to_tensor() if hasattr(row, "to_tensor") else row).numpy() for row in batch]
