"""A table of pictures and captions -> a tuned text tower, with augmented pictures.

    python examples/train_on_tsv.py --data=captions.tsv --preset=runs/demo/lit_emoji

captions.tsv has one picture path a line, a tab, and its caption, or several with tabs between.
Every epoch sees another caption and another cut of each picture, so pictures go through the locked
image tower anew; examples/train_on_webdataset.py stores their embeddings instead. Interrupted, the
same command goes on at the exact step.
"""

import pathlib

import keras
from absl import app, flags

import keras_lit
from keras_lit.data import Augmentation, BrokenRecords, RandomResizedCrop

_DATA = flags.DEFINE_string("data", "captions.tsv", "Pictures and captions, see keras-lit inspect.")
_PRESET = flags.DEFINE_string("preset", "lit_b16b", "Preset to begin with.")
_MAX_BROKEN_SHARE = flags.DEFINE_float("max_broken_share", 0.05, "Stop if more is broken.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Pairs per step.")
_NUM_STEPS = flags.DEFINE_integer("num_steps", 10_000, "Steps in all.")
_STEPS_PER_CHECKPOINT = flags.DEFINE_integer("steps_per_checkpoint", 1000, "Between two saves.")
_LEARNING_RATE = flags.DEFINE_float("learning_rate", 1e-4, "Of AdamW.")
_OUTPUT = flags.DEFINE_string("output", "tuned", "Folder of the result.")


def main(arguments):
    folder = pathlib.Path(_OUTPUT.value)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, skipped = folder / "checkpoint.keras", folder / "broken_records.json"
    if checkpoint.exists():
        model = keras.models.load_model(checkpoint)
        broken = BrokenRecords.load(skipped)
    else:
        model = keras_lit.LiTModel.from_preset(_PRESET.value)
        model.tuning = "LU"
        model.compile(
            optimizer=keras.optimizers.AdamW(_LEARNING_RATE.value),
            loss=keras_lit.losses.SoftmaxContrastiveLoss(),
        )
        broken = BrokenRecords(_MAX_BROKEN_SHARE.value)
    source = keras_lit.data.CleanCaptions(keras_lit.data.open_source(_DATA.value))
    augment = Augmentation(
        RandomResizedCrop(model.preprocessor.image_converter.image_size, area=(0.5, 1.0)),
        keras.layers.RandomFlip("horizontal"),
    )
    step = int(model.optimizer.iterations)
    while step < _NUM_STEPS.value:
        num_steps = min(_STEPS_PER_CHECKPOINT.value, _NUM_STEPS.value - step)
        pairs = source.training_pairs(_BATCH_SIZE.value, augment, start_step=step, broken=broken)
        model.fit(pairs, steps_per_epoch=num_steps)
        step += num_steps
        broken.save(skipped)
        model.save(checkpoint)
    print(broken.report())
    model.save_to_preset(str(folder / "preset"))
    print(f"keras_lit.LiTModel.from_preset({str(folder / 'preset')!r})")


if __name__ == "__main__":
    app.run(main)
