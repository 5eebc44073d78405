"""Shards of WebDataset or img2dataset -> a tuned text tower, on embeddings that are stored once.

    python examples/train_on_webdataset.py --data='shards/{00000..00331}.tar' --preset=lit_b16b

Every picture goes through the locked image tower once; then the text tower is tuned on the stored
embeddings, with one of the captions of each picture in every epoch. Interrupted, the same command
goes on with the embeddings.
"""

import keras
from absl import app, flags

import keras_lit

_DATA = flags.DEFINE_string("data", "*.tar", "Pictures and captions, see keras-lit inspect.")
_PRESET = flags.DEFINE_string("preset", "lit_b16b", "Preset to begin with.")
_MAX_BROKEN_SHARE = flags.DEFINE_float("max_broken_share", 0.05, "Stop if more is broken.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 1024, "Pairs per step.")
_NUM_EPOCHS = flags.DEFINE_integer("num_epochs", 10, "How often to go through the captions.")
_LEARNING_RATE = flags.DEFINE_float("learning_rate", 1e-4, "Of AdamW.")
_OUTPUT = flags.DEFINE_string("output", "tuned", "Folder of the new preset.")


def main(arguments):
    model = keras_lit.LiTModel.from_preset(_PRESET.value)
    model.tuning = "LU"
    source = keras_lit.data.CleanCaptions(keras_lit.data.open_source(_DATA.value))
    broken = keras_lit.data.BrokenRecords(_MAX_BROKEN_SHARE.value)
    cache = keras_lit.data.cache_embeddings(
        model,
        source.pairs(min(256, _BATCH_SIZE.value), broken),
        f"{_OUTPUT.value}-cache",
        source=source.source,
    )
    print(broken.report())
    model.compile(
        optimizer=keras.optimizers.AdamW(_LEARNING_RATE.value),
        loss=keras_lit.losses.SoftmaxContrastiveLoss(),
    )
    model.fit(cache.dataset(_BATCH_SIZE.value), epochs=_NUM_EPOCHS.value)
    model.save_to_preset(_OUTPUT.value)
    print(f"keras_lit.LiTModel.from_preset({_OUTPUT.value!r})")


if __name__ == "__main__":
    app.run(main)
