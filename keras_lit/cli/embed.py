"""keras-lit embed PRESET DATA CACHE_FOLDER: read every image once, tune on stored embeddings.

PRESET is the name or folder of a preset. DATA is tfds:NAME/SPLIT; a .tsv or .csv file with one
picture path and its captions per line, or a .jsonl file of {"image": path, "captions": [...]}; a
folder of pictures with .txt files beside them; 'shards/{000..012}.tar' as WebDataset and
img2dataset write them; or 'pairs-*.tfrecord'. Pictures that cannot be used are left out, counted
and reported at the end; above --max_broken_share of them, it stops.

It can be stopped at any time (Ctrl-C); the same command goes on from there. Several processes
write one cache together, each with its own --process_id.

Examples:
  keras-lit embed lit_b16b captions.tsv cache
  keras-lit embed runs/demo/lit_emoji tfds:emoji_captions/train cache --caption_feature=names
"""

import types

from absl import app, flags

from keras_lit.cli import data_flags

FLAGS = flags.FlagValues()
_BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 256, "Images per batch.", lower_bound=1, flag_values=FLAGS
)
_BATCHES_PER_SHARD = flags.DEFINE_integer(
    "batches_per_shard", 64, "Batches per shard of the cache.", lower_bound=1, flag_values=FLAGS
)
_DTYPE = flags.DEFINE_enum(
    "dtype", "float16", ["float16", "float32"], "Of stored embeddings.", flag_values=FLAGS
)
_MAX_BROKEN_SHARE = flags.DEFINE_float(
    "max_broken_share",
    0.05,
    "Stop if more than this share of the pictures is broken.",
    lower_bound=0,
    upper_bound=1,
    flag_values=FLAGS,
)
_NUM_PROCESSES = flags.DEFINE_integer(
    "num_processes", 1, "How many processes write this cache.", lower_bound=1, flag_values=FLAGS
)
_PROCESS_ID = flags.DEFINE_integer(
    "process_id", 0, "Which of them this is.", lower_bound=0, flag_values=FLAGS
)
data_flags.define(FLAGS)


def run(arguments):
    """Writes the cache, or goes on with it."""
    if len(arguments) != 3:
        raise app.UsageError(f"takes PRESET DATA CACHE_FOLDER. Received: {arguments}")
    preset, data, folder = arguments
    if _PROCESS_ID.value >= _NUM_PROCESSES.value:
        raise app.UsageError(
            f"--process_id must be below --num_processes={_NUM_PROCESSES.value}. Received: "
            f"{_PROCESS_ID.value}"
        )

    source = data_flags.open_source(data, FLAGS)

    import keras_lit

    broken = keras_lit.data.BrokenRecords(_MAX_BROKEN_SHARE.value)
    cache = keras_lit.data.cache_embeddings(
        keras_lit.LiTModel.from_preset(preset),
        source.pairs(_BATCH_SIZE.value, broken),
        folder,
        source=source.source,
        dtype=_DTYPE.value,
        batches_per_shard=_BATCHES_PER_SHARD.value,
        input_context=types.SimpleNamespace(
            num_input_pipelines=_NUM_PROCESSES.value, input_pipeline_id=_PROCESS_ID.value
        ),
    )
    print(f"{len(cache):,} images of {data} are stored in {folder}.")
    if broken:
        print(broken.report())
    print(f"Tune on them: model.fit(keras_lit.data.EmbeddingCache('{folder}', model).dataset(256))")
