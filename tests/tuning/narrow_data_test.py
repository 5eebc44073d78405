"""Tuning on narrow data: what the options for small data keep of zero-shot accuracy elsewhere.

A text tower that names 40 concepts is tuned on 8 of them, in pictures of another style, so that
its projection, which all concepts share, must turn. The other 32 are asked for in the old style.
"""

import keras
import numpy as np
import pytest

import keras_lit
from keras_lit.optimizers import LiTAdamW
from keras_lit.preprocessing import WordPieceTokenizer
from keras_lit.tuning import interpolate_weights

NUM_CONCEPTS, NUM_NARROW, DIM, NUM_STEPS = 40, 8, 27, 60
NAMES = [f"concept{number}" for number in range(NUM_CONCEPTS)]
NARROW, OTHERS = np.arange(NUM_NARROW), np.arange(NUM_NARROW, NUM_CONCEPTS)


class Concepts:
    """Prototypes of the concepts, and pictures of them in two styles."""

    def __init__(self, seed=0):
        self.random = np.random.default_rng(seed)
        self.prototypes = unit(self.random.normal(size=(NUM_CONCEPTS, DIM)))
        skew = self.random.normal(size=(DIM, DIM)) * 2 / np.sqrt(2 * DIM)
        skew = (skew - skew.T) / 2
        self.new_style = np.linalg.solve(np.eye(DIM) - skew, np.eye(DIM) + skew)

    def pictures(self, concepts, new_style):
        style = self.new_style if new_style else np.eye(DIM)
        noise = 1.5 / np.sqrt(DIM) * self.random.normal(size=(len(concepts), DIM))
        rows = unit(self.prototypes[concepts] @ style + noise)
        return rows.reshape(-1, 3, 3, 3).astype("float32")


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def build_model(concepts):
    """A model that has been pretrained: its text tower knows the prototypes."""
    images = keras.Input((3, 3, 3), name="images")
    image_backbone = keras.Model(images, keras.layers.Flatten()(images))
    token_ids = keras.Input((2,), dtype="int32", name="token_ids")
    embedding = keras.layers.Embedding(NUM_CONCEPTS + 3, DIM)
    text_backbone = keras.Model(token_ids, embedding(token_ids))
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", *NAMES], sequence_length=2)
    model = keras_lit.LiTModel(
        keras_lit.Tower(image_backbone, name="image_tower"),
        keras_lit.Tower(text_backbone, "last_token", projection_dim=DIM, name="text_tower"),
        preprocessor=keras_lit.LiTPreprocessor(tokenizer=tokenizer),
        tuning="LU",
    )
    embedding.embeddings.assign(np.concatenate([np.zeros((3, DIM)), concepts.prototypes]))
    model.text_tower.projection.kernel.assign(np.eye(DIM))
    return model


@pytest.fixture(scope="module")
def study():
    """The accuracies `(narrow, others)` by what was done, and the model in its last state."""
    concepts = Concepts()
    model = build_model(concepts)
    start = model.get_weights()
    tests = {
        True: (np.repeat(NARROW, 20), concepts.pictures(np.repeat(NARROW, 20), True)),
        False: (np.repeat(OTHERS, 10), concepts.pictures(np.repeat(OTHERS, 10), False)),
    }
    labels = np.concatenate([concepts.random.permutation(NARROW) for _ in range(4 * NUM_STEPS)])
    pairs = {
        "images": concepts.pictures(labels, True),
        "token_ids": np.stack([np.full_like(labels, 2), labels + 3], axis=1).astype("int32"),
    }
    results = {}

    def score(name):
        found = []
        for labels, pictures in tests.values():
            classes = np.unique(labels)
            texts = model.encode_texts([NAMES[index] for index in classes])
            best = np.argmax(model.encode_images(pictures) @ texts.T, axis=1)
            found.append(np.mean(classes[best] == labels))
        results[name] = tuple(found)

    def tune(epochs=1, callbacks=None):
        model.set_weights(start)
        size = len(labels) // epochs
        batches = keras_lit.preprocessing.batches.prepare_batches(pairs, None, 32)
        model.fit(
            batches.repeat(),
            epochs=epochs,
            steps_per_epoch=size // 32,
            verbose=0,
            callbacks=callbacks,
        )

    def compile(**kwargs):
        loss = keras_lit.losses.SoftmaxContrastiveLoss()
        model.compile(LiTAdamW(0.02, 0.0, **kwargs), loss)

    score("start")
    compile()
    tune()
    score("plain")
    model.set_weights(interpolate_weights(start, model.get_weights(), share=0.5))
    score("interpolated")
    held_out = [{"images": tests[False][1][::10], "captions": [NAMES[index] for index in OTHERS]}]
    retrieval = keras_lit.evaluation.RetrievalEvaluation(held_out)
    stop = keras.callbacks.EarlyStopping(
        "text_to_image_recall@1", mode="max", patience=2, restore_best_weights=True
    )
    tune(epochs=15, callbacks=[retrieval, stop])
    score("stopped early")
    compile(pull_to_start=0.1)
    tune()
    score("pulled to the start")
    return results, stop, retrieval


def test_the_options_keep_what_plain_tuning_forgets(study):
    results, _, _ = study
    narrow_before, others_before = results["start"]
    narrow_plain, others_plain = results["plain"]
    assert others_before > 0.8 and narrow_before < 0.5
    assert narrow_plain > 0.85 and others_plain < others_before - 0.15
    for name in ("interpolated", "pulled to the start"):
        narrow, others = results[name]
        assert others > others_plain + 0.08, (name, results)
        assert narrow > narrow_before + 0.3, (name, results)


def test_early_stopping_on_retrieval_restores_the_best_weights(study):
    results, stop, retrieval = study
    assert 0 < stop.stopped_epoch < 14
    recalls = [row["text_to_image_recall@1"] for row in retrieval.history]
    assert stop.best == max(recalls) > recalls[-1]
    assert results["stopped early"][1] > results["plain"][1] + 0.05


def test_interpolation():
    start, tuned = (
        [np.zeros((2, 3), "float32"), np.array([1, 2])],
        [np.ones((2, 3)), np.array([1, 2])],
    )
    mixed = interpolate_weights(start, tuned, 0.25)
    np.testing.assert_allclose(mixed[0], np.full((2, 3), 0.25))
    for share, expected in ((0.0, start), (1.0, tuned)):
        for one, other in zip(interpolate_weights(start, tuned, share), expected, strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="`share` must be in"):
        interpolate_weights(start, tuned, 1.5)
    with pytest.raises(ValueError, match="must be the weights of one model.*2 and 1 arrays"):
        interpolate_weights(start, tuned[:1], 0.5)
    with pytest.raises(ValueError, match="int8 cannot be mixed"):
        interpolate_weights([np.zeros(2, "int8")], [np.ones(2, "int8")], 0.5)
