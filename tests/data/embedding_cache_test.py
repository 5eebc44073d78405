"""The order of stored embeddings, what is chosen among views and captions, and training on them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_lit
from keras_lit.data import EmbeddingCache, cache_embeddings
from tests import tiny
from tests.data import caches


def unit_rows(shape, seed=0):
    rows = np.random.default_rng(seed).normal(size=shape).astype("float32")
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def numbered_cache(folder, num_images=23, num_views=1, num_captions=1, **kwargs):
    """A cache whose captions are `"<image> <caption>"`, in shards of five."""
    captions = [[f"{n} {c}" for c in range(num_captions)] for n in range(num_images)]
    return caches.write(folder, unit_rows((num_images, num_views, 4)), captions, **kwargs)


def images_of(dataset):
    """Returns the numbers of the images of each batch, as lists."""
    return [
        [int(text.split()[0]) for text in batch["captions"].numpy().tolist()] for batch in dataset
    ]


def flat(batches):
    return [number for batch in batches for number in batch]


def test_batches_are_unit_norm_float32_with_their_captions(tmp_path):
    labels = np.arange(23, dtype="int32")[:, None] * [1, 10]
    embeddings = unit_rows((23, 1, 4))
    captions = [[str(number)] for number in range(23)]
    cache = caches.write(tmp_path, embeddings.astype("float16"), captions, labels=labels)
    dataset = cache.dataset(8)
    assert dataset.element_spec == {
        "image_embeddings": tf.TensorSpec((8, 4), tf.float32),
        "captions": tf.TensorSpec((8,), tf.string),
        "labels": tf.TensorSpec((8, 2), tf.int64),
    }
    assert int(dataset.cardinality()) == cache.num_batches(8) == 2
    for batch in dataset:
        images = batch["labels"].numpy()[:, 0]
        assert [int(text) for text in batch["captions"].numpy()] == images.tolist()
        np.testing.assert_allclose(batch["image_embeddings"], embeddings[images, 0], atol=1e-3)
        np.testing.assert_allclose(np.linalg.norm(batch["image_embeddings"], axis=1), 1, atol=1e-6)


def test_float16_moves_inner_products_by_less_than_1e_3(tmp_path):
    rows = np.random.default_rng(0).normal(size=(200, 512)).astype("float32")
    # Real towers give concentrated rows, whose inner products are large.
    rows[100:] += 5 * rows[0]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    cache = caches.write(tmp_path, rows[:, None].astype("float16"), [["a"]] * 200)
    (batch,) = cache.dataset(200, shuffle=False)
    stored = batch["image_embeddings"].numpy()
    assert 0 < np.abs(stored @ stored.T - rows @ rows.T).max() < 1e-3


@pytest.mark.parametrize("num_images", [1, 2, 3, 23, 64, 1000])
def test_each_pass_visits_every_image_once_in_an_order_of_its_own(tmp_path, num_images):
    cache = numbered_cache(tmp_path, num_images, rows_per_shard=100)
    dataset = cache.dataset(4, drop_remainder=False)
    passes = [flat(images_of(dataset)) for _ in range(3)]
    for images in passes:
        assert sorted(images) == list(range(num_images))
    if num_images > 20:
        assert passes[0] != passes[1] != passes[2] != sorted(passes[2])
        assert flat(images_of(cache.dataset(4, seed=1, drop_remainder=False))) != passes[0]
    if num_images == 1000:
        # How far a pass is from being independent of the stored order and of the next pass.
        for images, others in zip([range(num_images), *passes], passes, strict=False):
            places, other_places = np.argsort(images), np.argsort(others)
            for step in (1, 2, 50):
                correlation = np.corrcoef(places // step % 2, other_places // step % 2)[0, 1]
                assert abs(correlation) < 5 / np.sqrt(num_images)
            assert abs(np.corrcoef(places, other_places)[0, 1]) < 5 / np.sqrt(num_images)
    again = cache.dataset(4, drop_remainder=False)
    assert [flat(images_of(again)) for _ in range(3)] == passes


def test_start_step_goes_on_exactly_there(tmp_path):
    cache = numbered_cache(tmp_path, num_views=2, num_captions=3)
    dataset = cache.dataset(5, seed=3)
    batches = [batch for _ in range(3) for batch in dataset]
    for start_step in (0, 1, 4, 6):
        endless = cache.dataset(5, seed=3, start_step=start_step, num_passes=None)
        expected = [batch["captions"].numpy().tolist() for batch in batches[start_step:]]
        # Each iteration begins anew, however far an earlier one read ahead.
        for _ in range(2):
            found = [batch["captions"].numpy().tolist() for batch in endless.take(len(expected))]
            assert found == expected
        resumed = cache.dataset(5, seed=3, start_step=start_step)
        found = [batch for _ in range(2) for batch in resumed]
        expected = batches[start_step : start_step + len(found)]
        for batch, other in zip(found, expected, strict=False):
            assert batch["captions"].numpy().tolist() == other["captions"].numpy().tolist()
            np.testing.assert_array_equal(batch["image_embeddings"], other["image_embeddings"])


def test_one_iteration_can_make_several_passes(tmp_path):
    cache = numbered_cache(tmp_path)
    passes = cache.dataset(5)
    expected = [batch for _ in range(4) for batch in images_of(passes)]
    pairs_of_passes = cache.dataset(5, num_passes=2)
    assert int(pairs_of_passes.cardinality()) == 8
    assert images_of(pairs_of_passes) + images_of(pairs_of_passes) == expected
    endless = cache.dataset(5, num_passes=None)
    assert endless.cardinality() == tf.data.INFINITE_CARDINALITY


def test_without_shuffle_comes_the_stored_order_first_view_and_caption(tmp_path):
    cache = numbered_cache(tmp_path, num_views=2, num_captions=3)
    dataset = cache.dataset(10, shuffle=False, drop_remainder=False)
    for _ in range(2):
        batches = list(dataset)
        texts = [text.decode() for batch in batches for text in batch["captions"].numpy()]
        assert texts == [f"{number} 0" for number in range(23)]
        np.testing.assert_allclose(
            np.concatenate([batch["image_embeddings"] for batch in batches]),
            unit_rows((23, 2, 4))[:, 0],
            atol=1e-6,
        )
    assert int(dataset.cardinality()) == 3


@pytest.mark.parametrize("batch_size", [8, 6])
@pytest.mark.parametrize("drop_remainder", [True, False])
def test_processes_share_every_batch(tmp_path, batch_size, drop_remainder):
    cache = numbered_cache(tmp_path)
    arguments = {"batch_size": batch_size, "drop_remainder": drop_remainder}
    shares = [
        images_of(cache.dataset(**arguments, input_context=tf.distribute.InputContext(2, process)))
        for process in range(2)
    ]
    together = [first + second for first, second in zip(*shares, strict=True)]
    assert together == images_of(cache.dataset(**arguments))


def test_views_and_captions_are_chosen_evenly_and_independently(tmp_path):
    num_images, num_passes = 30, 40
    embeddings = unit_rows((num_images, 2, 4))
    # Of different numbers of captions: 1, 2 or 3.
    captions = [[f"{n} {c}" for c in range(n % 3 + 1)] for n in range(num_images)]
    cache = caches.write(tmp_path, embeddings, captions)
    dataset = cache.dataset(num_images)
    counts = np.zeros((num_images, 2, 3), int)
    for _ in range(num_passes):
        (batch,) = dataset
        for row, text in zip(batch["image_embeddings"], batch["captions"].numpy(), strict=True):
            image, caption = map(int, text.split())
            view = int(np.argmin(np.abs(embeddings[image] - row).sum(-1)))
            counts[image, view, caption] += 1
    for number in range(3):
        of_number = counts[number::3, :, : number + 1]
        assert counts[number::3].sum() == of_number.sum()
        # Each (view, caption) has its share, within five standard deviations.
        share = 1 / of_number[0].size
        draws = num_passes * len(of_number)
        deviation = np.sqrt(draws * share * (1 - share))
        assert np.abs(of_number.sum(0) - draws * share).max() < 5 * deviation
        # An image does not keep its choice.
        assert (of_number > 0).all(axis=(1, 2)).mean() > 0.9


def test_reads_as_a_sequence(tmp_path):
    cache = numbered_cache(tmp_path, num_views=2, num_captions=2)
    assert len(cache) == 23
    assert cache[-1]["captions"] == cache[22]["captions"] == ["22 0", "22 1"]
    np.testing.assert_allclose(cache[7]["image_embeddings"], unit_rows((23, 2, 4))[7], atol=1e-6)
    assert len(list(iter(cache))) == 23
    with pytest.raises(IndexError, match="holds 23 images. Received: index 23"):
        cache[23]


def test_more_shards_than_may_be_open_at_once(tmp_path):
    cache = numbered_cache(tmp_path, 300, rows_per_shard=2)
    (images,) = images_of(cache.dataset(300))
    assert sorted(images) == list(range(300))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 24}, "holds 23 images, fewer than one batch.*drop_remainder=False"),
        ({"batch_size": 0}, "`batch_size` must be > 0"),
        ({"batch_size": 4, "num_passes": 0}, "`num_passes` must be >= 1 or None"),
        ({"batch_size": 4, "start_step": -1}, "`start_step` must be >= 0"),
        (
            {"batch_size": 5, "input_context": tf.distribute.InputContext(2, 0)},
            r"divide by the 2 process\(es\)",
        ),
    ],
)
def test_bad_options_are_refused(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        numbered_cache(tmp_path).dataset(**arguments)


@pytest.mark.parametrize("file", ["image_embeddings.npy", "captions.npy", "row_ends.npy"])
@pytest.mark.parametrize("fault", ["flipped bit", "truncated", "missing"])
def test_a_damaged_shard_is_named_before_the_first_batch(tmp_path, file, fault):
    numbered_cache(tmp_path)
    path = tmp_path / "shard_00002" / file
    data = bytearray(path.read_bytes())
    if fault == "flipped bit":
        data[-1] ^= 1
        path.write_bytes(data)
    elif fault == "truncated":
        path.write_bytes(data[: len(data) // 2])
    else:
        path.unlink()
    with pytest.raises(ValueError, match=f"shard_00002.*damaged.*{file}"):
        EmbeddingCache(tmp_path).dataset(4)


def test_folders_that_are_no_cache(tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ValueError, match="not an embedding cache.*cache_embeddings"):
            EmbeddingCache(folder)
    numbered_cache(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match="manifest.json' of an embedding cache is damaged"):
        EmbeddingCache(tmp_path)


def test_a_cache_of_another_tower_is_refused_when_opened(tmp_path):
    cache_embeddings(caches.lit_model(), caches.pairs(), tmp_path)
    # Another text tower is no other image tower.
    model = caches.lit_model()
    model.text_tower.weights[0].assign(model.text_tower.weights[0] + 1)
    EmbeddingCache(tmp_path, model)
    with pytest.raises(ValueError, match="What differs: image_tower_weights"):
        EmbeddingCache(tmp_path, caches.lit_model(seed=1))
    with pytest.raises(ValueError, match=r"image_preprocessing\.config.*antialias"):
        resize = keras_lit.preprocessing.StretchResize(antialias=True)
        EmbeddingCache(tmp_path, caches.lit_model(resize=resize))


def compiled(seed=0):
    model = caches.lit_model(seed=seed)
    # Unlike Adam's, these updates are as small as the differences between the gradients.
    model.compile(keras.optimizers.SGD(0.1), keras_lit.losses.SoftmaxContrastiveLoss())
    return model


def test_fit_on_a_cache_equals_fit_on_the_images(tmp_path):
    model, other = compiled(), compiled()
    cache = cache_embeddings(model, caches.pairs(), tmp_path / "cache", dtype="float32")
    locked = tiny.values(model.image_tower.weights)
    history = model.fit(cache.dataset(10, shuffle=False), epochs=3, verbose=0)
    expected = other.fit(caches.pairs(batch_size=10).take(2), epochs=3, verbose=0)
    np.testing.assert_allclose(history.history["loss"], expected.history["loss"], rtol=1e-5)
    for weight, expected_weight in zip(
        tiny.values(model.weights).values(), tiny.values(other.weights).values(), strict=True
    ):
        np.testing.assert_allclose(weight, expected_weight, atol=2e-5)
    for path, value in tiny.values(model.image_tower.weights).items():
        np.testing.assert_array_equal(value, locked[path])

    # The saved model is the full one.
    model.save_to_preset(tmp_path / "preset")
    loaded = keras_lit.LiTModel.from_preset(tmp_path / "preset")
    images = caches.arrays()["images"]
    np.testing.assert_allclose(loaded.encode_images(images), model.encode_images(images), atol=1e-6)
    EmbeddingCache(tmp_path / "cache", loaded)


def test_shuffled_fit_is_deterministic(tmp_path):
    cache = cache_embeddings(compiled(), caches.pairs(), tmp_path)
    curves = [
        compiled().fit(cache.dataset(10, seed=seed), epochs=3, verbose=0).history["loss"]
        for seed in (0, 0, 1)
    ]
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-6)
    assert np.abs(np.subtract(curves[0], curves[2])).max() > 1e-4
