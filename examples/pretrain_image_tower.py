"""Emoji pictures of the concepts to tune on -> a small image tower, as a keras-hub preset.

Two ways to pretrain where no image tower fits, with the same pictures, augmentation and budget:

  supervised   as examples/pretrain_emoji_tower.py: concepts, groups and keywords are told
  simclr       no label at all: two distorted views of a picture find each other in the batch

and three architectures: resnet, vit, mixer. The pictures are those of the data set's splits to
tune on, in its three styles; no picture of a held-out concept takes part.

```
python examples/pretrain_image_tower.py --method=simclr --output=emoji_tower_simclr
```

Reference:
    - [SimCLR](https://arxiv.org/abs/2002.05709)
"""

import os
import types

# On a CPU the steps of this small tower take TensorFlow half as long as JAX.
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import numpy as np
import pretrain_emoji_tower
import tensorflow as tf
import tensorflow_datasets as tfds
from absl import app, flags
from emoji_labels import labels_of
from keras import ops

import keras_lit
from keras_lit.data import emoji_examples
from keras_lit.data.emoji_augmentation import distort
from keras_lit.layers import MeanPooling
from keras_lit.losses import softmax_contrastive_loss

IMAGE_SIZE = pretrain_emoji_tower.IMAGE_SIZE
METHODS = ("supervised", "simclr")
TEMPERATURE, PROJECTION_DIM = 0.2, 64

_FLAGS = flags.FLAGS


def define_flags():
    flags.DEFINE_enum("method", "simclr", METHODS, "How to pretrain.")
    flags.DEFINE_enum("architecture", "resnet", sorted(BACKBONES), "What to pretrain.")
    flags.DEFINE_string("output", "emoji_tower", "Folder of the preset.")
    flags.DEFINE_string("salt", emoji_examples.DEFAULT_SALT, "Which concepts are held out.")
    flags.DEFINE_integer("steps", 1500, "Training steps.")
    flags.DEFINE_integer("batch_size", 64, "Pictures per step.")
    flags.DEFINE_integer("seed", 0, "Of weights, order and augmentation.")


def _vit():
    return keras_lit.backbones.ViTBackbone(
        (IMAGE_SIZE, IMAGE_SIZE, 3),
        patch_size=4,
        hidden_dim=96,
        num_layers=4,
        num_heads=4,
        mlp_dim=192,
        embeddings=("learned",),
    )


def _mixer():
    return keras_lit.backbones.MixerBackbone(
        (IMAGE_SIZE, IMAGE_SIZE, 3),
        patch_size=4,
        hidden_dim=96,
        num_layers=4,
        token_mlp_dim=48,
        channel_mlp_dim=192,
    )


BACKBONES = {
    "resnet": pretrain_emoji_tower.image_backbone,
    "vit": _vit,
    "mixer": _mixer,
}


def read_pictures(builder):
    """Reads every picture that pretraining may use.

    Args:
        builder: What `emoji_examples.prepare_emojis` returned.

    Returns:
        List of objects with an `image`, uint8 `(72, 72, 3)`, the `emoji` that it shows, and its
        `style`, as `pretrain_emoji_tower` takes them.
    """
    held_out = _read_split(builder, emoji_examples.UNSEEN_SPLIT)
    # A heart drawn in lines is the same for every colour.
    forbidden = {picture.image.tobytes() for picture in held_out}
    pictures = _read_split(builder, emoji_examples.TUNING_SPLITS)
    pictures = [picture for picture in pictures if picture.image.tobytes() not in forbidden]
    shared = {p.emoji.concept for p in pictures} & {p.emoji.concept for p in held_out}
    if shared:
        raise ValueError(f"Concepts to tune on are held out as well: {sorted(shared)[:3]}.")
    return pictures


def _read_split(builder, split):
    styles = builder.info.features["style"]
    return [
        types.SimpleNamespace(
            image=example["image"],
            style=styles.int2str(example["style"]),
            emoji=types.SimpleNamespace(
                concept=example["concept"].decode(),
                group=example["group"].decode(),
                subgroup=example["subgroup"].decode(),
                keywords=[keyword.decode() for keyword in example["keywords"]],
            ),
        )
        for example in tfds.as_numpy(builder.as_dataset(split=split))
    ]


class SimCLR(keras.Model):
    """Learns to find the other view of each example in the batch, without labels.

    Args:
        backbone: The backbone to train, of images or of token ids.

    Call arguments:
        views: Tensor `(2, batch, ...)` of two views of each example, as the backbone takes them.

    Returns:
        Unit-norm projections `(2 * batch, PROJECTION_DIM)`, all first views and then all second.

    Reference:
        - [SimCLR, section 2](https://arxiv.org/abs/2002.05709)
    """

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.pooling = MeanPooling()
        width = backbone.output.shape[-1]
        self.projection = keras.Sequential(
            [keras.layers.Dense(width, activation="relu"), keras.layers.Dense(PROJECTION_DIM)]
        )

    def call(self, views, training=None):
        examples = ops.concatenate([views[0], views[1]], axis=0)
        features = self.pooling(self.backbone(examples, training=training))
        return ops.normalize(self.projection(features), axis=-1)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        return nt_xent(y_pred, TEMPERATURE)


def nt_xent(projections, temperature):
    """Cross-entropy of picking each row's other view out of all other rows.

    Args:
        projections: Unit-norm float tensor `(2 * batch, dim)`, all first views, then all second.
        temperature: Float > 0 that divides similarities.

    Returns:
        Scalar.
    """
    num_rows = projections.shape[0]
    logits = ops.matmul(projections, ops.transpose(projections)) / temperature
    logits = logits - 1e9 * ops.eye(num_rows)  # A view is not looked for in itself.
    positives = (np.arange(num_rows) + num_rows // 2) % num_rows
    return ops.mean(softmax_contrastive_loss(logits, positives))


def pretrain(method, architecture, pictures, steps, batch_size, seed):
    """Pretrains an image backbone.

    Args:
        method: One of `METHODS`.
        architecture: One of `BACKBONES`.
        pictures: What `read_pictures` returned.
        steps: Integer, number of training steps.
        batch_size: Integer, pictures per step.
        seed: Integer.

    Returns:
        The image backbone.
    """
    build = BACKBONES[architecture]
    if method == "supervised":
        labels = labels_of(pictures)
        return pretrain_emoji_tower.pretrain(pictures, labels, steps, batch_size, seed, build)
    keras.utils.set_random_seed(seed)
    backbone = build()
    images = tf.constant(np.stack([picture.image for picture in pictures]))
    rows = pretrain_emoji_tower.draw_rows(pictures, steps, batch_size, seed)

    def two_views(step, rows):
        chosen = tf.gather(images, rows)
        step = tf.cast(step, tf.int32)
        views = [distort(chosen, IMAGE_SIZE, (2 * seed + view, step)) for view in range(2)]
        return tf.ensure_shape(
            tf.stack(views) / 127.5 - 1, (2, batch_size, IMAGE_SIZE, IMAGE_SIZE, 3)
        )

    views = tf.data.Dataset.from_tensor_slices(rows).enumerate().map(two_views, 2)
    learn_from_views(backbone, views, steps)
    return backbone


def learn_from_views(backbone, views, steps):
    """Trains a backbone to tell which views are of the same example.

    Args:
        backbone: `keras.Model`, of images or of token ids; it is changed in place.
        views: `tf.data.Dataset` of `(2, batch, ...)`, two views of each example.
        steps: Integer, number of batches.
    """
    model = SimCLR(backbone)
    model.compile(
        optimizer=pretrain_emoji_tower.build_optimizer(steps),
        jit_compile=keras.config.backend() != "tensorflow",  # XLA's convolutions are slower
    )
    model.fit(views.prefetch(4), shuffle=False, verbose=2)


def main(argv):
    del argv
    pictures = read_pictures(emoji_examples.prepare_emojis(_FLAGS.salt))
    concepts = {picture.emoji.concept for picture in pictures}
    print(f"{len(pictures):,} pictures of {len(concepts):,} concepts")
    backbone = pretrain(
        _FLAGS.method,
        _FLAGS.architecture,
        pictures,
        _FLAGS.steps,
        _FLAGS.batch_size,
        _FLAGS.seed,
    )
    backbone.save_to_preset(_FLAGS.output)
    print(f"{backbone.count_params():,} weights in {_FLAGS.output}")


if __name__ == "__main__":
    define_flags()
    app.run(main)
