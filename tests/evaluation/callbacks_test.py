"""The callbacks in a real `fit`: what they log, when, of which weights, and what they refuse."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_lit
from keras_lit.evaluation import (
    RetrievalEvaluation,
    ZeroShotClassifier,
    ZeroShotEvaluation,
    retrieval_recall,
    zero_shot_accuracy,
)

COLORS = ["red", "green", "blue"]
CAPTIONS = [f"{shade} {color}" for color in COLORS for shade in ("dark", "pale")]
LABELS = np.repeat(np.arange(3), 2)
RETRIEVAL_KEYS = {
    f"{direction}_recall@{k}"
    for direction in ("image_to_text", "text_to_image")
    for k in (1, 5, 10)
} | {"retrieval_seconds"}
ZERO_SHOT_KEYS = {"zero_shot_accuracy@1", "zero_shot_balanced_accuracy", "zero_shot_seconds"}


def photos():
    """Six pictures of 8 x 8, two shades of each color."""
    pictures = np.zeros((6, 8, 8, 3), "uint8")
    for index, label in enumerate(LABELS):
        pictures[index, ..., label] = 90 + 120 * (index % 2)
    return pictures


def tiny_model(tuning="Lu", **optimizer_options):
    keras.utils.set_random_seed(0)
    images = keras.Input((8, 8, 3))
    outputs = keras.layers.Conv2D(16, 4, strides=4, activation="gelu")(images)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "dark", "pale", *COLORS]
    text_backbone = keras_lit.backbones.TextTransformerBackbone(
        vocabulary_size=len(vocabulary),
        max_length=4,
        hidden_dim=16,
        num_layers=1,
        num_heads=2,
        mlp_dim=16,
    )
    model = keras_lit.LiTModel(
        keras_lit.Tower(keras.Model(images, outputs), pooling="mean"),
        keras_lit.Tower(text_backbone, pooling="last_token"),
        keras_lit.LiTPreprocessor(
            keras_lit.preprocessing.ImageConverter(image_size=8),
            keras_lit.preprocessing.WordPieceTokenizer(vocabulary, sequence_length=4),
        ),
        tuning=tuning,
    )
    model.compile(
        keras.optimizers.Adam(0.01, **optimizer_options),
        loss=keras_lit.losses.SoftmaxContrastiveLoss(),
    )
    return model


@pytest.fixture(scope="module")
def locked_model():
    """Compiled once for the module; tests go on from whatever weights it has."""
    return tiny_model("Lu")


@pytest.fixture(scope="module")
def unlocked_model():
    return tiny_model("Uu", gradient_accumulation_steps=2)


@pytest.fixture(params=["locked_model", "unlocked_model"])
def either_model(request):
    return request.getfixturevalue(request.param)


def pairs(repeats=4):
    """`repeats` batches of the six pictures and captions, to tune on."""
    examples = {"images": photos(), "captions": CAPTIONS}
    return tf.data.Dataset.from_tensor_slices(examples).batch(6).repeat(repeats)


def zero_shot_data():
    examples = {"images": photos(), "labels": LABELS}
    return tf.data.Dataset.from_tensor_slices(examples).batch(4)


def retrieval_data():
    examples = {"images": photos(), "captions": CAPTIONS}
    return tf.data.Dataset.from_tensor_slices(examples).batch(4)


def expected_zero_shot(model):
    classifier = ZeroShotClassifier(model, COLORS, ["a {}"])
    return zero_shot_accuracy(classifier.predict(photos()), LABELS, k=(1,))


def expected_retrieval(model):
    images, texts = model.encode_images(photos()), model.encode_texts(CAPTIONS)
    return retrieval_recall(images, texts, np.arange(6))


def without_seconds(results):
    return {name: value for name, value in results.items() if not name.endswith("_seconds")}


def num_steps(model):
    return keras_lit.optimizers.num_steps(model.optimizer)


def test_results_reach_history_and_csv_and_are_those_of_the_current_weights(locked_model, tmp_path):
    model, start = locked_model, num_steps(locked_model)
    zero_shot = ZeroShotEvaluation(zero_shot_data(), COLORS, ["a {}"])
    retrieval = RetrievalEvaluation(retrieval_data())
    logger = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    callbacks = [zero_shot, retrieval, logger]
    history = model.fit(pairs(), epochs=3, verbose=0, callbacks=callbacks).history
    assert ZERO_SHOT_KEYS | RETRIEVAL_KEYS <= set(history)
    assert len(history["zero_shot_accuracy@1"]) == 3
    # What TensorBoard and CSVLogger write as they are.
    logged = ZERO_SHOT_KEYS | RETRIEVAL_KEYS
    assert {type(value) for name in logged for value in history[name]} == {float}
    last = {name: values[-1] for name, values in history.items()}
    for name, value in {**expected_zero_shot(model), **expected_retrieval(model)}.items():
        assert last[name] == value
    assert last["zero_shot_seconds"] > 0
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["zero_shot_accuracy@1"]) for row in rows] == history["zero_shot_accuracy@1"]
    assert [record["step"] - start for record in zero_shot.history] == [4, 8, 12]


def test_every_steps_measures_the_weights_of_that_step(either_model):
    start = num_steps(either_model)
    zero_shot = ZeroShotEvaluation(zero_shot_data(), COLORS, ["a {}"], every_steps=start + 3)
    retrieval = RetrievalEvaluation(retrieval_data(), every_steps=start + 3)
    measured, batch_logs = [], []

    class Witness(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            batch_logs.append(dict(logs))
            if len(batch_logs) == 3:
                current = self.model
                measured.append({**expected_zero_shot(current), **expected_retrieval(current)})

    either_model.fit(pairs(), verbose=0, callbacks=[zero_shot, retrieval, Witness()])
    (first,), (second,) = zero_shot.history, retrieval.history
    assert first["step"] == second["step"] == start + 3
    assert {**without_seconds(first), **without_seconds(second)} == {
        "step": start + 3,
        **measured[0],
    }
    assert [ZERO_SHOT_KEYS <= set(logs) for logs in batch_logs] == [False, False, True, False]


def test_epoch_logs_hold_the_latest_results(locked_model):
    start = num_steps(locked_model)
    callback = RetrievalEvaluation(retrieval_data(), every_steps=start + 6)
    every_second = ZeroShotEvaluation(zero_shot_data(), COLORS, ["a {}"], every_epochs=2)
    callbacks = [callback, every_second]
    history = locked_model.fit(pairs(), epochs=3, verbose=0, callbacks=callbacks).history
    # The end of the first epoch, and then of every second.
    assert [record["step"] - start for record in every_second.history] == [4, 8]
    for name in ZERO_SHOT_KEYS:
        first, latest = (record[name] for record in every_second.history)
        assert history[name] == [first, latest, latest]
    # No step was due in the first epoch, so its end was measured.
    assert [record["step"] - start for record in callback.history] == [4, 6]
    for name in RETRIEVAL_KEYS:
        first, latest = (record[name] for record in callback.history)
        assert history[name] == [first, latest, latest]


def test_a_locked_image_tower_is_read_once(monkeypatch, either_model):
    sizes = []
    encode_images = keras_lit.LiTModel.encode_images

    def counting(self, images, **kwargs):
        sizes.append(len(images))
        return encode_images(self, images, **kwargs)

    monkeypatch.setattr(keras_lit.LiTModel, "encode_images", counting)
    callback = ZeroShotEvaluation(zero_shot_data(), COLORS, ["a {}"])
    either_model.fit(pairs(), epochs=3, verbose=0, callbacks=[callback])
    assert len(callback.history) == 3
    assert sizes == [4, 2] * (1 if either_model.image_tower.locked else 3)


def test_evaluation_does_not_change_training(unlocked_model):
    variables = unlocked_model.variables + unlocked_model.optimizer.variables
    start = [np.array(variable) for variable in variables]
    callbacks = [
        ZeroShotEvaluation(zero_shot_data(), COLORS, every_steps=1),
        RetrievalEvaluation(retrieval_data(), every_steps=2),
    ]
    weights = []
    for used in ([], callbacks):
        for variable, value in zip(variables, start, strict=True):
            variable.assign(value)
        unlocked_model.fit(pairs(), epochs=2, verbose=0, callbacks=used)
        weights.append(unlocked_model.get_weights())
    assert len(callbacks[0].history) == 8
    for plain, observed in zip(*weights, strict=True):
        np.testing.assert_array_equal(plain, observed)


def test_more_than_five_classes_add_top_5(locked_model):
    names = ["red", "green", "blue", "dark", "pale", "cat"]
    callback = ZeroShotEvaluation(zero_shot_data(), names, ["{}"])
    locked_model.fit(pairs(1), verbose=0, callbacks=[callback])
    assert set(callback.history[0]) == ZERO_SHOT_KEYS | {"zero_shot_accuracy@5", "step"}


def test_pairs_of_arrays_and_several_labels_or_captions_per_image(locked_model):
    labels = np.stack([LABELS, np.full(6, -1)], axis=1)
    captions = [[b"dark red", "red", ""], ["pale red"], *[[text] for text in CAPTIONS[2:]]]
    zero_shot = ZeroShotEvaluation([(photos(), labels)], COLORS, ["a {}"])
    retrieval = RetrievalEvaluation([(list(photos()), captions)])
    locked_model.fit(pairs(1), verbose=0, callbacks=[zero_shot, retrieval])
    expected = expected_zero_shot(locked_model)["zero_shot_accuracy@1"]
    assert zero_shot.history[0]["zero_shot_accuracy@1"] == expected
    texts = locked_model.encode_texts(["dark red", "red", *CAPTIONS[1:]])
    images = locked_model.encode_images(photos())
    expected = retrieval_recall(images, texts, [0, 0, 1, 2, 3, 4, 5])
    assert expected == {name: retrieval.history[0][name] for name in expected}


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ZeroShotEvaluation([], ["a", "a"]), "same text"),
        (lambda: ZeroShotEvaluation([], ["a"], ["photo"]), "has no `{}`"),
        (lambda: ZeroShotEvaluation(iter([]), ["a"]), "read only once"),
        (lambda: RetrievalEvaluation([], every_steps=0), "`every_steps` must be an integer"),
        (lambda: RetrievalEvaluation([], every_steps=1.5), "`every_steps` must be an integer"),
        (
            lambda: ZeroShotEvaluation([], ["a"], every_epochs=0),
            "`every_epochs` must be an integer",
        ),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "callback, message",
    [
        (ZeroShotEvaluation([], COLORS), "has no batches"),
        (ZeroShotEvaluation([{"images": photos()}], COLORS), r"lacks \['labels'\]"),
        (ZeroShotEvaluation([photos()], COLORS), "must yield dicts of 'images' and 'labels'"),
        (ZeroShotEvaluation([(photos(), LABELS + 1)], COLORS), "has 3, which 3 class names"),
        (ZeroShotEvaluation([(photos(), LABELS + 0.5)], COLORS), "must be integers"),
        (ZeroShotEvaluation([(photos(), LABELS[:2])], COLORS), "6 images and 2 labels"),
        (RetrievalEvaluation([(photos(), [[]] * 6)]), "none for an image"),
        (RetrievalEvaluation([(photos(), CAPTIONS[:5])]), "6 images and 5 captions"),
    ],
)
def test_a_bad_dataset_is_refused_before_the_first_step(locked_model, callback, message):
    start = num_steps(locked_model)
    with pytest.raises(ValueError, match=message):
        locked_model.fit(pairs(1), verbose=0, callbacks=[callback])
    assert num_steps(locked_model) == start
