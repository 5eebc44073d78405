"""`keras-lit embed`: a preset and a data set -> a cache of image embeddings to tune on."""

import pathlib

import tensorflow as tf
from absl import app, flags

import keras_lit

HELP = """Reads every image once through a locked image tower and stores the embeddings.

    keras-lit embed PRESET DATA CACHE_FOLDER

PRESET is the name or folder of a preset. DATA is `tfds:NAME/SPLIT`, or a .tsv, .csv or .jsonl file
of picture paths and captions (see keras_lit.data.ImageTable). Interrupted, the same command goes on
where it was. Examples:

    keras-lit embed lit_b16b captions.tsv cache/
    keras-lit embed my_lit tfds:emoji_captions/train cache/ --caption_feature=names
"""

FLAGS = flags.FLAGS


def define_flags():
    """Defines the flags of this verb."""
    flags.DEFINE_integer("batch_size", 256, "Images per batch.", lower_bound=1)
    flags.DEFINE_enum("dtype", "float16", ["float16", "float32"], "Type of stored embeddings.")
    flags.DEFINE_integer("batches_per_shard", 64, "Batches per shard.", lower_bound=1)
    flags.DEFINE_string("image_feature", "image", "TFDS feature with the image.")
    flags.DEFINE_string("caption_feature", "captions/text", "TFDS feature with the captions.")
    flags.DEFINE_integer("num_processes", 1, "Processes that write this cache.", lower_bound=1)
    flags.DEFINE_integer("process_id", 0, "Which of them this is, from 0.", lower_bound=0)


def run(arguments):
    """Runs the verb.

    Args:
        arguments: List of strings, what follows `embed` on the command line, without flags.

    Raises:
        absl.app.UsageError: On another number of arguments.
        ValueError: On an unknown preset, broken data or a cache of something else.
        OSError: If the cache cannot be written.
    """
    if len(arguments) != 3:
        raise app.UsageError(f"Expected PRESET DATA CACHE_FOLDER. Received: {arguments}.")
    preset, data, folder = arguments
    if FLAGS.process_id >= FLAGS.num_processes:
        raise app.UsageError("--process_id must be smaller than --num_processes.")
    table = None
    if data.startswith("tfds:"):
        name, _, split = data.removeprefix("tfds:").rpartition("/")
        if not name:
            raise app.UsageError(f"Expected tfds:NAME/SPLIT. Received: {data}.")
        pairs, source = keras_lit.data.tfds_pairs(
            name, split, FLAGS.batch_size, FLAGS.image_feature, FLAGS.caption_feature
        )
    else:
        table = keras_lit.data.ImageTable(pathlib.Path(data))
        pairs, source = table.pairs(FLAGS.batch_size), table.source
    model = keras_lit.LiTModel.from_preset(preset)
    cache = keras_lit.data.cache_embeddings(
        model,
        pairs,
        folder,
        source=source,
        dtype=FLAGS.dtype,
        batches_per_shard=FLAGS.batches_per_shard,
        input_context=tf.distribute.InputContext(FLAGS.num_processes, FLAGS.process_id),
    )
    print(f"{len(cache):,} images of {data} are embedded in {folder}.")
    if table is not None and table.broken:
        print(f"{len(table.broken):,} of {len(table):,} pictures could not be read, for example:")
        for path, reason in list(table.broken.items())[:5]:
            print(f"  {path}: {reason}")
    print(f"Tune on them: model.fit(keras_lit.data.EmbeddingCache({folder!r}, model).dataset(256))")
