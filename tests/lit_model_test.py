"""LiTModel: training against an oracle, locking to the byte, round trips, bad input."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_lit
from tests import tiny


def compiled(loss=None, optimizer=None, **kwargs):
    model = tiny.lit_model(**kwargs)
    model.compile(
        optimizer=optimizer or keras.optimizers.Adam(1e-2),
        loss=loss or keras_lit.losses.SoftmaxContrastiveLoss(),
    )
    return model


def softmax_loss(images, texts, temperature):
    """The loss in float64 NumPy, and the in-batch accuracy image -> text."""
    logits = temperature * images.astype("float64") @ texts.astype("float64").T

    def cross_entropy(logits):
        return np.mean(np.log(np.exp(logits).sum(1)) - np.diag(logits))

    accuracy = np.mean(logits.argmax(1) == np.arange(len(logits)))
    return (cross_entropy(logits) + cross_entropy(logits.T)) / 2, accuracy


def test_evaluate_equals_numpy():
    model = compiled()
    pairs = tiny.pairs(8)
    embeddings = model.predict(pairs, verbose=0)
    results = model.evaluate(pairs, batch_size=8, return_dict=True, verbose=0)
    loss, accuracy = softmax_loss(
        embeddings["image_embeddings"], embeddings["text_embeddings"], 10.0
    )
    np.testing.assert_allclose(results["loss"], loss, rtol=1e-5)
    assert results["accuracy"] == pytest.approx(accuracy)
    assert results["temperature"] == pytest.approx(10.0, rel=1e-5)
    assert model.temperature == pytest.approx(10.0, rel=1e-5)


@pytest.mark.parametrize("loss", ["SoftmaxContrastiveLoss", "SigmoidContrastiveLoss"])
def test_training_lowers_the_loss(loss):
    bias = -10.0 if loss == "SigmoidContrastiveLoss" else None
    model = compiled(
        loss=getattr(keras_lit.losses, loss)(), head=keras_lit.layers.SimilarityHead(bias=bias)
    )
    pairs = tiny.pairs(16)
    before = model.evaluate(pairs, batch_size=16, return_dict=True, verbose=0)["loss"]
    history = model.fit(pairs, batch_size=16, epochs=30, verbose=0).history
    after = model.evaluate(pairs, batch_size=16, return_dict=True, verbose=0)["loss"]
    assert after < 0.8 * before
    assert set(history) == {"loss", "accuracy", "temperature"}


class CountingAdam(keras.optimizers.Adam):
    """Adam that notes how many gradients a step hands to it."""

    def apply(self, grads, trainable_variables=None):
        self.num_gradients = len(grads)
        super().apply(grads, trainable_variables)


@pytest.mark.parametrize("pairs_of_letters", [("Lu", "LU"), ("uL", "UL"), ("Uu", "uu", "UU", "uU")])
def test_a_locked_tower_keeps_every_byte_and_an_unlocked_one_trains(pairs_of_letters):
    model = compiled(optimizer=CountingAdam(1e-2), tuning=pairs_of_letters[0], dropout=0.3)
    for tuning in pairs_of_letters:  # They train the same variables, so one compiled step does.
        model.tuning = tuning
        before = tiny.values(model.variables)
        model.fit(tiny.pairs(), batch_size=8, verbose=0)
        after = tiny.values(model.variables)
        for tower, letter in zip((model.image_tower, model.text_tower), tuning, strict=True):
            paths = [v.path for v in tower.variables if "seed_generator" not in v.path]
            moved = [path for path in paths if not np.array_equal(before[path], after[path])]
            assert moved == [] if letter == "L" else len(moved) > len(paths) // 2
            assert tower.locked == (letter == "L")
            assert (tower.trainable_variables == []) == (letter == "L")
        assert model.optimizer.num_gradients == len(model.trainable_variables)
        # Two moments for each variable that trains, its step and its learning rate.
        assert len(model.optimizer.variables) == 2 + 2 * len(model.trainable_variables)


def test_stored_embeddings_train_like_the_images_they_came_from():
    pairs = tiny.pairs()
    with_images, with_embeddings = compiled(), compiled()
    stored = {
        "image_embeddings": with_images.encode_images(pairs["images"]),
        "token_ids": pairs["token_ids"],
    }
    for model, inputs in ((with_images, pairs), (with_embeddings, stored)):
        dataset = tf.data.Dataset.from_tensor_slices(inputs).batch(8)
        model.fit(dataset, epochs=2, verbose=0)
    expected = tiny.values(with_images.trainable_variables)
    for path, value in tiny.values(with_embeddings.trainable_variables).items():
        # Attention does not depend on the bias of its keys: Adam blows up rounding errors there.
        atol = 1e-4 if path.endswith("key/bias") else 1e-5
        np.testing.assert_allclose(value, expected[path], atol=atol, err_msg=path)


def test_repeated_token_ids_give_the_gradient_of_their_sum():
    """Adam's first step moves every used row by its learning rate, however often it is used."""
    model = compiled(optimizer=keras.optimizers.Adam(1e-3, epsilon=1e-12))
    table = model.text_tower.backbone.token_embedding.embeddings
    before = keras.ops.convert_to_numpy(table).copy()
    pairs = tiny.pairs(8)
    pairs["token_ids"][:, :2] = 7
    model.fit(pairs, batch_size=8, shuffle=False, verbose=0)
    moved = np.abs(keras.ops.convert_to_numpy(table) - before)
    used = np.unique(pairs["token_ids"])
    np.testing.assert_allclose(np.median(moved[used], axis=1), 1e-3, rtol=1e-2)
    unused = np.setdiff1d(np.arange(len(before)), used)
    assert not moved[unused].any()


def test_encoding_in_the_middle_of_fit_sees_the_weights_of_that_step():
    seen = []

    class Encode(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(self.model.encode_texts(pairs))

    pairs = tiny.pairs(16)
    model = compiled()
    model.fit(pairs, batch_size=8, verbose=0, callbacks=[Encode()])
    assert len(seen) == 2 and np.abs(seen[0] - seen[1]).max() > 1e-4
    np.testing.assert_allclose(seen[1], model.encode_texts(pairs), atol=1e-6)


def test_each_epoch_reads_the_data_set_once():
    """A data set in a seeded order, new for each pass, gives every backend the same batches."""
    preprocessor = keras_lit.LiTPreprocessor(
        keras_lit.preprocessing.ImageConverter(image_size=8),
        keras_lit.preprocessing.WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "a"], tiny.TOKENS),
    )
    model = compiled(preprocessor=preprocessor)
    passes = []
    pairs = {"images": np.zeros((4, 9, 9, 3), "uint8"), "captions": ["a"] * 4}
    dataset = (
        tf.data.Dataset.range(1)
        .map(lambda index: tf.numpy_function(lambda i: passes.append(i) or i, [index], tf.int64))
        .flat_map(lambda _: tf.data.Dataset.from_tensor_slices(pairs).batch(2))
        .apply(tf.data.experimental.assert_cardinality(2))
    )
    model.fit(dataset, epochs=3, verbose=0)
    assert len(passes) == 3


@pytest.mark.parametrize("num_images", [0, 1, 3, 10])
def test_encode_does_not_depend_on_the_batch_size(num_images):
    model = tiny.lit_model()
    images = tiny.pairs(10)["images"][:num_images]
    embeddings = model.encode_images(images, batch_size=4)
    assert embeddings.shape == (num_images, 8) and embeddings.dtype == np.float32
    np.testing.assert_allclose(embeddings, model.encode_images(images), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)


def test_keras_file_and_preset_bring_the_same_model_back(tmp_path):
    model = compiled(tuning="Lu", head=keras_lit.layers.SimilarityHead(5.0, bias=-3.0))
    pairs = tiny.pairs(16)
    model.fit(pairs, batch_size=8, verbose=0)
    model.save(tmp_path / "model.keras")
    model.save_to_preset(tmp_path / "preset")
    expected = model.evaluate(pairs, batch_size=16, return_dict=True, verbose=0)
    from_file = keras.models.load_model(tmp_path / "model.keras")
    from_preset = keras_lit.LiTModel.from_preset(tmp_path / "preset")
    from_preset.compile(optimizer="adam", loss=keras_lit.losses.SoftmaxContrastiveLoss())
    for loaded in (from_file, from_preset):
        found = loaded.evaluate(pairs, batch_size=16, return_dict=True, verbose=0)
        assert found == pytest.approx(expected, rel=1e-5)
        before = tiny.values(loaded.image_tower.variables)
        loaded.fit(pairs, batch_size=8, verbose=0)
        after = tiny.values(loaded.image_tower.variables)
        assert all(np.array_equal(before[path], after[path]) for path in before)


def test_training_goes_on_from_a_keras_file_as_if_it_had_not_stopped(tmp_path):
    dataset = tf.data.Dataset.from_tensor_slices(tiny.pairs(16)).batch(8)
    model = compiled()
    model.fit(dataset, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    losses = [m.fit(dataset, verbose=0).history["loss"] for m in (model, loaded)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)


def test_saving_replaces_a_preset_as_a_whole(tmp_path):
    folder = tmp_path / "preset"
    tiny.lit_model(seed=1).save_to_preset(folder)
    (folder / "model_00001.weights.h5").write_bytes(b"of an older, sharded preset")
    (folder / "NOTES.md").write_text("the user's own")
    model = tiny.lit_model(seed=2)
    model.save_to_preset(folder)
    images = tiny.pairs(4)["images"]
    loaded = keras_lit.LiTModel.from_preset(folder)
    np.testing.assert_array_equal(loaded.encode_images(images), model.encode_images(images))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["preset"]
    assert not (folder / "model_00001.weights.h5").exists()
    assert (folder / "NOTES.md").exists()


def test_from_preset_takes_a_dtype(tmp_path):
    tiny.lit_model().save_to_preset(tmp_path)
    model = keras_lit.LiTModel.from_preset(tmp_path, dtype="bfloat16", tuning="Uu")
    assert model.text_tower.backbone.dtype_policy.name == "bfloat16"
    assert model.tuning == "Uu" and not model.image_tower.locked
    assert model.encode_texts(tiny.pairs(2)).dtype == np.float32


def test_damaged_and_missing_presets_say_so(tmp_path):
    with pytest.raises(ValueError, match="Cannot load the preset 'no_such_preset'"):
        keras_lit.LiTModel.from_preset("no_such_preset")
    tiny.lit_model().save_to_preset(tmp_path)
    weights = tmp_path / "model.weights.h5"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ValueError, match="damaged"):
        keras_lit.LiTModel.from_preset(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        keras_lit.LiTModel.from_preset(tmp_path)


def test_saving_over_a_file_fails_before_anything_is_written(tmp_path):
    (tmp_path / "preset").write_text("a file")
    with pytest.raises(OSError, match="preset"):
        tiny.lit_model().save_to_preset(tmp_path / "preset")
    assert (tmp_path / "preset").read_text() == "a file"
    assert [path.name for path in tmp_path.iterdir()] == ["preset"]


@pytest.mark.parametrize("tuning", ["", "L", "lu", "Lx", "Luu", None])
def test_unknown_letters(tuning):
    with pytest.raises(ValueError, match="tuning.*'Lu'"):
        tiny.lit_model(tuning=tuning)


def test_towers_must_share_a_space():
    image_tower = keras_lit.Tower(tiny.image_backbone(), pooling="mean")
    text_tower = keras_lit.Tower(tiny.text_backbone(width=6), pooling="last_token")
    with pytest.raises(ValueError, match="projection_dim=8"):
        keras_lit.LiTModel(image_tower, text_tower)
    with pytest.raises(ValueError, match="`text_tower` must be a `keras_lit.Tower`"):
        keras_lit.LiTModel(image_tower, tiny.text_backbone())


def test_compile_errors():
    model = tiny.lit_model()
    with pytest.raises(ValueError, match="Call `model.compile"):
        model.fit(tiny.pairs())
    for loss in (None, "categorical_crossentropy"):
        with pytest.raises(ValueError, match="contrastive loss"):
            model.compile(optimizer="adam", loss=loss)
    for rate in (0.0, float("nan"), -1e-3):
        with pytest.raises(ValueError, match="`learning_rate` must be a finite number > 0"):
            model.compile(keras.optimizers.Adam(rate), keras_lit.losses.SoftmaxContrastiveLoss())
    model.tuning = "LL"
    with pytest.raises(ValueError, match="nothing to train"):
        model.compile(loss=keras_lit.losses.SoftmaxContrastiveLoss())


def test_unlocking_behind_the_models_back_is_noticed():
    model = compiled()
    model.image_tower.trainable = True
    with pytest.raises(ValueError, match="Set `model.tuning`"):
        model.fit(tiny.pairs())
    model.compile(loss=keras_lit.losses.SoftmaxContrastiveLoss())
    model.fit(tiny.pairs(), verbose=0)


def test_bad_batches():
    model = compiled()
    pairs = tiny.pairs(8)
    dataset = tf.data.Dataset.from_tensor_slices(pairs)
    with pytest.raises(ValueError, match="batch of one pair"):
        model.fit(dataset.batch(1), verbose=0)
    with pytest.raises(ValueError, match="batch of one pair"):
        model.fit(dataset.batch(1, drop_remainder=True), verbose=0)
    with pytest.raises(ValueError, match="beyond \\[-1, 1\\]"):
        model.fit({**pairs, "images": pairs["images"] * 127}, verbose=0)
    with pytest.raises(ValueError, match="beyond \\[-1, 1\\]"):
        model.fit({**pairs, "images": pairs["images"] * float("nan")}, verbose=0)
    with pytest.raises(ValueError, match="rows of length 1"):
        stored = {"image_embeddings": np.ones((8, 8), "float32"), "token_ids": pairs["token_ids"]}
        model.fit(stored, verbose=0)
    with pytest.raises(ValueError, match="need a preprocessor"):
        model.fit({"images": pairs["images"], "captions": ["a"] * 8}, verbose=0)
    with pytest.raises(ValueError, match="need a preprocessor"):
        model.fit({**pairs, "images": (pairs["images"] * 100).astype("uint8")}, verbose=0)
    with pytest.raises(ValueError, match="same number of rows"):
        model.fit({**pairs, "images": pairs["images"][:3]}, verbose=0)
    with pytest.raises(ValueError, match="`dataset.batch\\(4\\)`"):
        model.fit(dataset.batch(8), batch_size=4, verbose=0)
    with pytest.raises(ValueError, match="must be dicts"):
        model.fit(dataset.batch(8).map(lambda batch: tuple(batch.values())), verbose=0)
    with pytest.raises(ValueError, match="ragged captions.*`source.training_pairs"):
        captions = tf.ragged.constant([["a", "b"], ["c"]])
        model.fit(tf.data.Dataset.from_tensors({**pairs, "captions": captions}), verbose=0)
    model.tuning = "Uu"
    model.compile(loss=keras_lit.losses.SoftmaxContrastiveLoss())
    with pytest.raises(ValueError, match="stand for a locked image tower"):
        model.fit({"image_embeddings": np.eye(8, dtype="float32"), **pairs}, verbose=0)


def test_bad_encode_arguments():
    model = tiny.lit_model()
    images = tiny.pairs(2)["images"]
    with pytest.raises(ValueError, match="list of strings"):
        model.encode_texts("a dog")
    with pytest.raises(ValueError, match="integer token ids"):
        model.encode_texts(["a dog"])
    with pytest.raises(ValueError, match="uint8"):
        model.encode_images((images * 100).astype("uint8"))
    with pytest.raises(ValueError, match="\\[-1, 1\\]"):
        model.encode_images(images * 255)
    with pytest.raises(ValueError, match="shape"):
        model.encode_images(images[0])
    with pytest.raises(ValueError, match="batch_size"):
        model.encode_images(images, batch_size=0)
