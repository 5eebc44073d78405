"""An image backbone and captioned emojis -> a LiT model whose text tower is tuned from scratch."""

import csv
import json
import pathlib

import keras

import keras_lit
from keras_lit.data.emoji_pairs import pairs_with_views
from keras_lit.preprocessing import StretchResize
from keras_lit.preprocessing.words import split_words

# With the start token; longer captions are cut.
NUM_TOKENS = 9
BATCH_SIZE = 128
NUM_STEPS = 500
STEPS_PER_EPOCH = 25
LEARNING_RATE = 2e-3
TEMPERATURE = 8.0
TEXT_WIDTH = 128


def build_model(image_backbone, tuning_emojis, tuning="Lu"):
    """Builds the model of the demo: its text tower and vocabulary are new.

    Args:
        image_backbone: `keras.Model`, images `(batch, size, size, 3)` -> feature map.
        tuning_emojis: `EmojiExamples` whose words make the vocabulary.
        tuning: Two letters, as for `keras_lit.LiTModel`.

    Returns:
        A `keras_lit.LiTModel`.
    """
    # Whole words: with captions this few, pieces of words would be rare and mean little.
    texts = (tuning_emojis.names, tuning_emojis.keywords, tuning_emojis.topics)
    words = split_words([text for column in texts for row in column for text in row])
    words = sorted({word.decode() for word in words.flat_values.numpy()})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", *words]
    tokenizer = keras_lit.preprocessing.WordPieceTokenizer(vocabulary, sequence_length=NUM_TOKENS)
    image_size = image_backbone.input.shape[1]
    image_tower = keras_lit.Tower(image_backbone, pooling="mean", name="image_tower")
    # No blocks: each word is read by itself, and a new name by those of its words that are known.
    # Blocks would learn the captions by heart, they are so few.
    text_backbone = keras_lit.backbones.TextTransformerBackbone(
        vocabulary_size=tokenizer.vocabulary_size(),
        max_length=NUM_TOKENS,
        hidden_dim=TEXT_WIDTH,
        num_layers=0,
        num_heads=1,
        mlp_dim=TEXT_WIDTH,
    )
    head = keras_lit.layers.SimilarityHead(temperature=TEMPERATURE)
    # For the same reason: while it learns, the temperature rises to over 20.
    head.trainable = False
    return keras_lit.LiTModel(
        image_tower=image_tower,
        text_tower=keras_lit.Tower(
            text_backbone,
            pooling="mean",
            projection_dim=image_tower.embedding_dim,
            name="text_tower",
        ),
        preprocessor=keras_lit.LiTPreprocessor(
            keras_lit.preprocessing.ImageConverter(
                image_size, resize=StretchResize(image_size, antialias=True)
            ),
            tokenizer,
        ),
        tuning=tuning,
        head=head,
        name="lit_emoji",
    )


def cached_batches(model, emojis, folder, seed=0, batch_size=BATCH_SIZE):
    """Reads the locked image tower once and returns batches of stored embeddings and captions.

    Args:
        model: What `build_model` returned, with a locked image tower.
        emojis: `EmojiExamples` to tune on.
        folder: Path of the embedding cache.
        seed: Integer, decides the order of the batches.
        batch_size: Integer.

    Returns:
        Function from the first step to an endless `tf.data.Dataset`.
    """
    pairs = pairs_with_views(emojis, model.preprocessor.image_size[0])
    cache = keras_lit.data.cache_embeddings(model, pairs, folder, source="emoji_captions")
    return lambda start_step: cache.dataset(
        min(batch_size, len(cache)), seed=seed, start_step=start_step, num_passes=None
    )


def compile_model(model, num_steps, loss=None):
    """Compiles with the demo's recipe: AdamW, cosine schedule with warm-up, gradient clipping.

    Args:
        model: What `build_model` returned.
        num_steps: Integer.
        loss: A contrastive loss. Defaults to `SoftmaxContrastiveLoss`.
    """
    warmup_steps = num_steps // 10
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, num_steps - warmup_steps, warmup_target=LEARNING_RATE, warmup_steps=warmup_steps
    )
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=0.05, beta_2=0.98, clipnorm=1.0)
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "log_temperature"])
    model.compile(optimizer=optimizer, loss=loss or keras_lit.losses.SoftmaxContrastiveLoss())


def tune(model, batches, folder, num_steps=NUM_STEPS, verbose="auto"):
    """Tunes a model; goes on where an interrupted run of the same folder stopped.

    Args:
        model: What `build_model` returned.
        batches: What `cached_batches` or `image_batches` returned.
        folder: Path for the backup of the run and its learning curve.
        num_steps: Integer.
        verbose: As for `keras.Model.fit`.

    Returns:
        Dict of lists: `step`, and the mean `loss` and in-batch `accuracy` before it.
    """
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    steps_per_epoch = min(STEPS_PER_EPOCH, num_steps)
    compile_model(model, num_steps)
    progress = folder / "backup" / "training_metadata.json"
    finished_epochs = json.loads(progress.read_text())["epoch"] if progress.exists() else 0
    model.fit(
        batches(finished_epochs * steps_per_epoch),
        steps_per_epoch=steps_per_epoch,
        epochs=num_steps // steps_per_epoch,
        verbose=verbose,
        # The curve first: an epoch that is logged twice is read once, a missing one would be lost.
        callbacks=[
            keras.callbacks.CSVLogger(folder / "curve.csv", append=True),
            keras.callbacks.BackupAndRestore(
                folder / "backup", double_checkpoint=True, delete_checkpoint=False
            ),
        ],
    )
    with open(folder / "curve.csv", newline="") as file:
        epochs = {int(row["epoch"]): row for row in csv.DictReader(file)}
    rows = [epochs[epoch] for epoch in sorted(epochs)]
    curve = {name: [float(row[name]) for row in rows] for name in ("loss", "accuracy")}
    return {"step": [(epoch + 1) * steps_per_epoch for epoch in sorted(epochs)], **curve}
