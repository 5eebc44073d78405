"""A model and a benchmark -> its metrics and what a report shows of them."""

import dataclasses
import hashlib
import json
import pathlib
import time

import keras
import numpy as np

from keras_lit.evaluation.accuracy import accuracy_of_ranks, confusion_matrix, label_ranks
from keras_lit.evaluation.benchmark import ZeroShotBenchmark
from keras_lit.evaluation.checks import check_multi_labels
from keras_lit.evaluation.retrieval import best_matches, recall_of_ranks, retrieval_ranks
from keras_lit.evaluation.similarities import similarity_chunks
from keras_lit.evaluation.stored_texts import StoredTexts
from keras_lit.evaluation.zero_shot import encode_classes

_MOST_LABELS = 10  # of one picture: ImageNet-ReaL, padded to 10 in the original too
_SHOWN_QUERIES, _SHOWN_PICTURES = 4, 5


@dataclasses.dataclass
class BenchmarkResult:
    """What `evaluate_benchmark` found.

    Args:
        benchmark: the `ZeroShotBenchmark` or `RetrievalBenchmark`.
        metrics: dict of floats in `[0, 1]`.
        chance: dict of what a model would reach that guesses, for the metrics that have it.
        num_images: integer.
        seconds: float, embedding included.
        confusion: integers `(classes, classes)`, rows are labels; `None` for retrieval and where
            pictures have several labels.
        ranks: dict of `image_to_text` and `text_to_image` to integers, a rank per query; empty for
            zero-shot.
        queries: list of dicts of `text`, its `image`'s index, and the indices `found` for it, best
            first: the texts that retrieval works best and worst for, best first.
    """

    benchmark: object
    metrics: dict
    chance: dict
    num_images: int
    seconds: float
    confusion: np.ndarray | None = None
    ranks: dict = dataclasses.field(default_factory=dict)
    queries: list = dataclasses.field(default_factory=list)


def evaluate_benchmark(model, benchmark, folder, data_dir=None, batch_size=64):
    """Evaluates a model on a benchmark.

    Embeddings are stored in `folder`, so that an interrupted evaluation goes on where it was, and a
    finished one is read. Only one batch of pictures is in memory at a time. All devices of
    `keras_lit.distribution.data_parallel()` take part.

    Args:
        model: `keras_lit.LiTModel` with a preprocessor, whose image tower is locked.
        benchmark: an entry of `keras_lit.evaluation.benchmarks`.
        folder: path where embeddings are stored, one folder for all benchmarks of a model.
        data_dir: path of TFDS' folder. Defaults to TFDS' own default.
        batch_size: integer, how many pictures are embedded at a time.

    Returns:
        `BenchmarkResult`.

    Raises:
        DataUnavailable: a ValueError that says how to get the data.
        ValueError: an empty split, labels that the classes do not cover, embeddings that are NaN,
            a model without preprocessor or with a trainable image tower, or a folder that holds
            the embeddings of another model.

    Example:

    ```python
    import keras_lit
    from keras_lit.evaluation import benchmarks, evaluate_benchmark

    def pets(preset):
        model = keras_lit.LiTModel.from_preset(preset)
        return evaluate_benchmark(model, benchmarks["oxford_iiit_pet"], "embeddings").metrics
    ```

    Reference:
        LiT (arXiv:2111.07991), sections 4 and 5; `discriminative_classifier` and `retrieval` in
        github.com/google-research/big_vision.
    """
    start = time.perf_counter()
    folder = pathlib.Path(folder)
    texts = StoredTexts(model, folder / "texts", text_fingerprint(model))
    cache = embed_images(model, benchmark, folder / benchmark.name, data_dir, batch_size)
    measure = _zero_shot if isinstance(benchmark, ZeroShotBenchmark) else _retrieval
    result = measure(benchmark, cache, texts)
    result.seconds = time.perf_counter() - start
    return result


def text_fingerprint(model):
    """Returns a string that changes whenever a `LiTModel` embeds texts differently."""
    from keras_lit.data import fingerprints

    parts = [fingerprints.weights_fingerprint(model.text_tower)]
    parts.append(fingerprints.architecture_fingerprint(model.text_tower))
    tokenizer = getattr(model.preprocessor, "tokenizer", None)
    if tokenizer is None:
        raise ValueError("`model` has no tokenizer in its preprocessor, so it cannot read texts.")
    parts.append(fingerprints.canonical_config(tokenizer))
    parts.append(tokenizer.get_vocabulary() if hasattr(tokenizer, "get_vocabulary") else None)
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def embed_images(model, benchmark, folder, data_dir=None, batch_size=64):
    """Embeds a benchmark's pictures into a folder, or goes on with it.

    Args and Raises are those of `evaluate_benchmark`; `folder` is of this benchmark alone.

    Returns:
        `keras_lit.data.EmbeddingCache`; with `labels` or captions beside the embeddings.
    """
    from keras_lit.data import cache_embeddings

    converter = getattr(model.preprocessor, "image_converter", None)
    if converter is None:
        raise ValueError(
            "`model` has no image converter in its preprocessor, so it cannot read pictures. Load "
            "it with its preset, or pass `preprocessor=keras_lit.LiTPreprocessor(...)`."
        )
    converter = _with_resize(converter, benchmark.resize)
    is_zero_shot = isinstance(benchmark, ZeroShotBenchmark)
    target = "labels" if is_zero_shot else "captions"
    examples = benchmark.source.open(data_dir).map(
        lambda example: {"images": converter(example["image"]), target: example["target"]},
        num_parallel_calls=2,
    )
    most = examples.element_spec[target].shape
    pairs = examples.padded_batch(
        batch_size,
        {
            "images": examples.element_spec["images"].shape,
            target: [_MOST_LABELS if is_zero_shot else None] if most.rank else [],
        },
        {"images": 0.0, target: np.int64(-1) if is_zero_shot else ""},
    )
    return cache_embeddings(
        model,
        pairs,
        folder,
        source={
            "benchmark": benchmark.source.name,
            "image_converter": json.loads(
                json.dumps(keras.saving.serialize_keras_object(converter), default=str)
            )["config"],
        },
        dtype="float32",
        batches_per_shard=16,
    )


def _with_resize(converter, resize):
    if resize is None or not hasattr(converter, "resize"):
        return converter
    config = {**converter.get_config(), "resize": resize(max(converter.image_size))}
    return type(converter)(**config)


def _zero_shot(benchmark, cache, texts):
    embeddings, labels = _read(cache, "labels")
    known = check_multi_labels("labels", labels, len(labels), benchmark.num_labels)
    # Pictures without any label, as in ImageNet-ReaL, do not count.
    counted = (known >= 0).any(axis=1)
    embeddings, labels = embeddings[counted], benchmark.class_ids(labels[counted])
    num_classes = len(benchmark.labels)
    weights = encode_classes(texts, benchmark.texts_per_class, texts.batch_size)
    ranks, predictions = [], []
    for rows, scores in similarity_chunks(embeddings, weights):
        ranks.append(label_ranks(scores, labels[rows]))
        predictions.append(scores.argmax(axis=1))
    k = (1, 5) if num_classes > 5 else (1,)
    metrics = accuracy_of_ranks(np.concatenate(ranks), labels, k)
    chance = {f"zero_shot_accuracy@{size}": size / num_classes for size in k}
    confusion = None
    if labels.ndim == 1:
        chance["zero_shot_balanced_accuracy"] = 1 / num_classes
        confusion = confusion_matrix(np.concatenate(predictions), labels, num_classes)
    return BenchmarkResult(benchmark, metrics, chance, len(embeddings), 0.0, confusion)


def _retrieval(benchmark, cache, texts):
    embeddings, _ = _read(cache, "captions")
    captions = [cache[index]["captions"] for index in range(len(cache))]
    image_ids = np.repeat(np.arange(len(captions)), [len(row) for row in captions])
    text_embeddings = texts.encode_texts([caption for row in captions for caption in row])
    image_ranks, text_ranks = retrieval_ranks(embeddings, text_embeddings, image_ids)
    k = (1, 5, 10)
    captions_per_image = len(image_ids) / len(embeddings)
    chance = {}
    for size in k:
        # Of one text among all, and of at least one of an image's texts.
        share = min(1, size / len(image_ids))
        chance[f"image_to_text_recall@{size}"] = 1 - (1 - share) ** captions_per_image
        chance[f"text_to_image_recall@{size}"] = min(1, size / len(embeddings))
    result = BenchmarkResult(
        benchmark, recall_of_ranks(image_ranks, text_ranks, k), chance, len(embeddings), 0.0
    )
    result.ranks = {"image_to_text": image_ranks, "text_to_image": text_ranks}
    result.queries = _queries(captions, embeddings, text_embeddings, image_ids, text_ranks)
    return result


def _queries(captions, embeddings, text_embeddings, image_ids, text_ranks):
    """The texts that find their picture best and worst, with what they find."""
    texts = [caption for row in captions for caption in row]
    # Of texts with the same rank those that are surest of their picture, or of another one.
    similarities = np.einsum("ij,ij->i", text_embeddings, embeddings[image_ids])
    order = np.lexsort((-similarities, text_ranks))
    chosen = np.unique(np.concatenate([order[:_SHOWN_QUERIES], order[-_SHOWN_QUERIES:]]))
    chosen = sorted(chosen.tolist(), key=order.tolist().index)
    found, _ = best_matches(text_embeddings[chosen], embeddings, k=_SHOWN_PICTURES)
    return [
        {"text": texts[text], "image": int(image_ids[text]), "found": row.tolist()}
        for text, row in zip(chosen, found, strict=True)
    ]


def pictures_of(benchmark, indices, data_dir=None):
    """Reads some pictures of a benchmark, one at a time.

    Args:
        benchmark: an entry of `keras_lit.evaluation.benchmarks`.
        indices: collection of integers, places in the benchmark's order.
        data_dir: path of TFDS' folder.

    Returns:
        Dict from index to uint8 array `(height, width, 3)`.
    """
    wanted = set(indices)
    examples = benchmark.source.open(data_dir).take(max(wanted) + 1)
    pictures = {}
    for index, example in enumerate(examples.as_numpy_iterator()):
        if index in wanted:
            pictures[index] = example["image"]
    return pictures


def _read(cache, target):
    """Returns all embeddings `(images, dim)` of a cache, and one entry of it."""
    batches = cache.dataset(1024, shuffle=False, drop_remainder=False).as_numpy_iterator()
    embeddings, targets = zip(
        *((batch["image_embeddings"], batch[target]) for batch in batches), strict=True
    )
    return np.concatenate(embeddings), np.concatenate(targets)
