"""A LiT model and any image model of keras-hub -> a LiT model with that image tower.

    python examples/swap_image_tower.py --image_backbone=dinov2_base --data=captions.tsv

The text tower keeps what it knows of language, and learns from the captions of --data (a table as
`keras-lit embed` takes it) to read the new image tower, which stays locked: every picture goes
through it once. Without --data the model is saved untuned.
"""

import keras
import keras_hub
from absl import app, flags

import keras_lit

_PRESET = flags.DEFINE_string("preset", "lit_b16b", "Preset with the text tower.")
_IMAGE_BACKBONE = flags.DEFINE_string(
    "image_backbone", "dinov2_base", "Preset of a keras-hub image model: name, folder or handle."
)
_POOLING = flags.DEFINE_string("pooling", "class_token", "What is read of it; 'mean' for ResNets.")
_DATA = flags.DEFINE_string("data", None, "Table of pictures and captions to tune on.")
_NUM_EPOCHS = flags.DEFINE_integer("num_epochs", 10, "How often to go through --data.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 256, "Pairs per step.")
_LEARNING_RATE = flags.DEFINE_float("learning_rate", 1e-4, "Of AdamW.")
_OUTPUT = flags.DEFINE_string("output", "swapped", "Folder of the new preset.")


def swap_image_tower(model, image_backbone, pooling):
    """Returns a `LiTModel` of the text tower of `model` and a keras-hub image model.

    Args:
        model: `keras_lit.LiTModel`.
        image_backbone: string. Preset of a keras-hub backbone.
        pooling: string, as for `keras_lit.Tower`.
    """
    image_tower = keras_lit.Tower(
        keras_hub.models.Backbone.from_preset(image_backbone), pooling=pooling, name="image_tower"
    )
    text_tower = keras_lit.Tower(
        model.text_tower.backbone,
        pooling=model.text_tower.pooling,
        projection_dim=image_tower.embedding_dim,  # new: into the space of the new image tower
        name="text_tower",
    )
    preprocessor = keras_lit.LiTPreprocessor(
        # The image model wants its own sizes and scales.
        keras_hub.layers.ImageConverter.from_preset(image_backbone),
        model.preprocessor.tokenizer,
    )
    return keras_lit.LiTModel(image_tower, text_tower, preprocessor, tuning="LU")


def main(arguments):
    model = keras_lit.LiTModel.from_preset(_PRESET.value)
    model = swap_image_tower(model, _IMAGE_BACKBONE.value, _POOLING.value)
    if _DATA.value:
        pairs = keras_lit.data.ImageTable(_DATA.value).pairs(_BATCH_SIZE.value)
        cache = keras_lit.data.cache_embeddings(model, pairs, f"{_OUTPUT.value}-cache")
        model.compile(
            optimizer=keras.optimizers.AdamW(_LEARNING_RATE.value),
            loss=keras_lit.losses.SoftmaxContrastiveLoss(),
        )
        model.fit(cache.dataset(_BATCH_SIZE.value), epochs=_NUM_EPOCHS.value)
    model.save_to_preset(_OUTPUT.value)
    print(f"keras_lit.LiTModel.from_preset({_OUTPUT.value!r})")


if __name__ == "__main__":
    app.run(main)
