"""Numbers of images and texts -> time and memory of retrieval ranks, as ratios to sorting.

The oracle is what the original code does: one float32 matrix of all similarities, sorted along both
axes. Both are run in turn in one process; times are processor time, memory is the peak of NumPy's
allocations beyond the embeddings.

Usage: python -m benchmarks.retrieval [--num_images 5000] [--num_texts 25000] [--rounds 3]
"""

import argparse
import time
import tracemalloc

import numpy as np

from keras_lit.evaluation import retrieval_ranks


def sorted_ranks(images, texts, image_ids):
    """Ranks by sorting, as in `image_text_retrieval` of github.com/google-research/big_vision."""
    similarities = images @ texts.T
    order = np.argsort(-similarities, axis=1)
    image_ranks = np.argmax(image_ids[order] == np.arange(len(images))[:, None], axis=1)
    order = np.argsort(-similarities.T, axis=1)
    return image_ranks, np.argmax(order == image_ids[:, None], axis=1)


def unit(random, count, dim):
    rows = random.normal(size=(count, dim)).astype("float32")
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def measure(ranks_of, arguments):
    """Returns the ranks, seconds of processor time, and peak bytes (in a run of its own)."""
    start = time.process_time()
    ranks = ranks_of(*arguments)
    seconds = time.process_time() - start
    tracemalloc.start()
    ranks_of(*arguments)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return ranks, seconds, peak


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--num_images", type=int, default=5_000)
    parser.add_argument("--num_texts", type=int, default=25_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=3)
    flags = parser.parse_args()
    random = np.random.default_rng(0)
    images = unit(random, flags.num_images, flags.dim)
    image_ids = np.arange(flags.num_texts) % flags.num_images
    texts = unit(random, flags.num_texts, flags.dim) * 0.7 + images[image_ids] * 0.3
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    arguments = images, texts, image_ids
    for number in range(flags.rounds):
        expected, oracle_seconds, oracle_peak = measure(sorted_ranks, arguments)
        ranks, seconds, peak = measure(retrieval_ranks, arguments)
        different = sum(int((a != b).sum()) for a, b in zip(expected, ranks, strict=True))
        print(
            f"round {number}: sorting {oracle_seconds:6.1f} s {oracle_peak / 1e6:7,.0f} MB   "
            f"keras_lit {seconds:6.1f} s {peak / 1e6:5,.0f} MB   "
            f"ratios {seconds / oracle_seconds:.2f} of the time, {peak / oracle_peak:.3f} of the "
            f"memory; {different} of {sum(map(len, ranks)):,} ranks differ"
        )


if __name__ == "__main__":
    main()
