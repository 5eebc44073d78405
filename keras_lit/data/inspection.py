"""A source -> what is in it: counts, sizes, caption lengths, broken and repeated pictures."""

import collections
import dataclasses
import hashlib

import numpy as np
from absl import logging

from keras_lit.data.broken_records import BrokenRecords
from keras_lit.data.caption_cleaning import CaptionLengths, caption_lengths
from keras_lit.preprocessing.batches import clear_errors

_BATCH_SIZE = 64


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What `inspect_source` has found.

    Attributes:
        source: Dict with the name, version and split of the source.
        broken: `BrokenRecords`, which also knows how many records were read.
        num_pictures: Integer, how many of them can be used.
        captions_per_picture: Float, their mean number.
        caption_lengths: `CaptionLengths`.
        heights: Tuple of the least, median and largest height.
        widths: Tuple of the least, median and largest width.
        repeated: Dict from the key of a picture to the keys of further ones with the same pixels.
        samples: List of pairs of a picture, uint8 `(height, width, 3)`, and its captions.
    """

    source: dict
    broken: BrokenRecords
    num_pictures: int
    captions_per_picture: float
    caption_lengths: CaptionLengths
    heights: tuple
    widths: tuple
    repeated: dict
    samples: list

    @property
    def num_repeated(self):
        """How many pictures show what another one before them shows."""
        return sum(map(len, self.repeated.values()))

    def __str__(self):
        words = self.caption_lengths.percentiles
        lines = [f"{name:10}{value}" for name, value in self.source.items()]
        lines += [
            f"records   {self.broken.num_read:,}",
            f"pictures  {self.num_pictures:,}",
            f"heights   {self.heights[0]} to {self.heights[2]}, median {self.heights[1]}",
            f"widths    {self.widths[0]} to {self.widths[2]}, median {self.widths[1]}",
            f"captions  {self.caption_lengths.num_captions:,}, "
            f"{self.captions_per_picture:.2f} per picture",
            f"words     mean {self.caption_lengths.mean:.1f}; at most {words[5]} in 5 % of the "
            f"captions, {words[50]} in 50 %, {words[95]} in 95 %, {words[100]} in all",
            f"repeated  {self.num_repeated:,} pictures have the pixels of another"
            + "".join(f"\n          {key} = {', '.join(keys)}" for key, keys in self._examples()),
            f"broken    {self.broken.report()}",
        ]
        return "\n".join(lines)

    def _examples(self):
        return list(self.repeated.items())[:3]


def inspect_source(source, num_samples=24, max_records=None):
    """Reads a source once, a batch at a time, and counts.

    Args:
        source: `keras_lit.data.Source`.
        num_samples: Integer, how many pictures to keep, spread over the whole source.
        max_records: Integer, look at so many records only (rounded up to whole batches). `None`:
            at all.

    Returns:
        `Inspection`.

    Raises:
        ValueError: If there is no picture that can be used.
    """
    broken = BrokenRecords(max_share=1.0)
    batches = source.keyed_pairs(_BATCH_SIZE, broken)
    if max_records is not None:
        batches = batches.take(-(-max_records // _BATCH_SIZE))
    sizes, texts, first, repeated = [], [], {}, collections.defaultdict(list)
    samples, stride = [], 1
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)  # What is broken is in the result.
    try:
        with clear_errors():
            for batch in batches:
                rows = zip(batch["keys"].numpy(), batch["captions"].to_list(), strict=True)
                for row, (key, captions) in enumerate(rows):
                    image = batch["images"][row]
                    image = image.numpy() if hasattr(image, "numpy") else image.to_tensor().numpy()
                    captions = [caption.decode() for caption in captions]
                    if len(sizes) % stride == 0:
                        samples.append((image, captions))
                        if len(samples) > 2 * num_samples:
                            samples, stride = samples[::2], 2 * stride
                    sizes.append(image.shape[:2])
                    texts += captions
                    digest = hashlib.blake2b(
                        image.tobytes() + str(image.shape).encode(), digest_size=16
                    ).digest()
                    key = key.decode("utf-8", "replace")
                    original = first.setdefault(digest, key)
                    if original != key:
                        repeated[original].append(key)
    finally:
        logging.set_verbosity(verbosity)
    if not sizes:
        raise ValueError(f"'{source.name}' has no picture that can be used. {broken.report()}")
    heights, widths = (
        tuple(int(value) for value in np.percentile(side, (0, 50, 100), method="nearest"))
        for side in zip(*sizes, strict=True)
    )
    step = max(1, len(samples) // max(1, num_samples))
    return Inspection(
        source=source.source,
        broken=broken,
        num_pictures=len(sizes),
        captions_per_picture=len(texts) / len(sizes),
        caption_lengths=caption_lengths(texts),
        heights=heights,
        widths=widths,
        repeated=dict(repeated),
        samples=samples[::step][:num_samples],
    )
