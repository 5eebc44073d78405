"""keras-lit embed PRESET DATA CACHE_FOLDER: read every image once, tune on stored embeddings.

PRESET is the name or folder of a preset. DATA is tfds:NAME/SPLIT, or a .tsv or .csv file with one
picture path and its captions per line, or a .jsonl file of {"image": path, "captions": [...]}.
Pictures that cannot be read are left out and named at the end.

It can be stopped at any time (Ctrl-C); the same command goes on from there. Several processes
write one cache together, each with its own --process_id.

Examples:
  keras-lit embed lit_b16b captions.tsv cache
  keras-lit embed runs/demo/lit_emoji tfds:emoji_captions/train cache --caption_feature=names
"""

import types

from absl import app, flags

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
_IMAGE_FEATURE = flags.DEFINE_string(
    "image_feature", "image", "TFDS feature with the image.", flag_values=FLAGS
)
_CAPTION_FEATURE = flags.DEFINE_string(
    "caption_feature", "captions/text", "TFDS feature with the captions.", flag_values=FLAGS
)
_NUM_PROCESSES = flags.DEFINE_integer(
    "num_processes", 1, "How many processes write this cache.", lower_bound=1, flag_values=FLAGS
)
_PROCESS_ID = flags.DEFINE_integer(
    "process_id", 0, "Which of them this is.", lower_bound=0, flag_values=FLAGS
)


def run(arguments):
    """Writes the cache, or goes on with it."""
    if len(arguments) != 3:
        raise app.UsageError(f"takes PRESET DATA CACHE_FOLDER. Received: {arguments}")
    preset, data, folder = arguments
    name, _, split = data.removeprefix("tfds:").rpartition("/")
    is_tfds = data.startswith("tfds:")
    if is_tfds and not (name and split):
        raise app.UsageError(f"expects tfds:NAME/SPLIT. Received: {data}")
    if _PROCESS_ID.value >= _NUM_PROCESSES.value:
        raise app.UsageError(
            f"--process_id must be below --num_processes={_NUM_PROCESSES.value}. Received: "
            f"{_PROCESS_ID.value}"
        )

    import keras_lit

    table = None
    if is_tfds:
        pairs, source = keras_lit.data.tfds_pairs(
            name, split, _BATCH_SIZE.value, _IMAGE_FEATURE.value, _CAPTION_FEATURE.value
        )
    else:
        table = keras_lit.data.ImageTable(data)
        pairs, source = table.pairs(_BATCH_SIZE.value), table.source
    cache = keras_lit.data.cache_embeddings(
        keras_lit.LiTModel.from_preset(preset),
        pairs,
        folder,
        source=source,
        dtype=_DTYPE.value,
        batches_per_shard=_BATCHES_PER_SHARD.value,
        input_context=types.SimpleNamespace(
            num_input_pipelines=_NUM_PROCESSES.value, input_pipeline_id=_PROCESS_ID.value
        ),
    )
    print(f"{len(cache):,} images of {data} are stored in {folder}.")
    if table is not None and table.broken:
        print(f"{len(table.broken):,} of {len(table):,} pictures could not be read, among them:")
        for path, reason in sorted(table.broken.items())[:5]:
            print(f"  {path}: {reason}")
    print(f"Tune on them: model.fit(keras_lit.data.EmbeddingCache('{folder}', model).dataset(256))")
