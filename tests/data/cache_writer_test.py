"""What a cache stores, that it goes on after a kill, and what it refuses."""

import os
import resource
import signal

import numpy as np
import pytest
import tensorflow as tf

import keras_lit
from keras_lit.data import EmbeddingCache, cache_embeddings
from tests import tiny
from tests.data import caches


@pytest.fixture(scope="module")
def model():
    return caches.lit_model()


def stored_embeddings(cache):
    return np.stack([cache[index]["image_embeddings"] for index in range(len(cache))])


def test_stores_what_encode_images_returns(model, tmp_path):
    cache = cache_embeddings(
        model, caches.pairs(), tmp_path / "cache", dtype="float32", batches_per_shard=2
    )
    arrays = caches.arrays()
    assert len(cache) == caches.NUM_IMAGES
    assert cache.embedding_dim == 8 and cache.num_views == 1
    np.testing.assert_allclose(
        stored_embeddings(cache)[:, 0], model.encode_images(arrays["images"]), atol=1e-6
    )
    assert [cache[index]["captions"] for index in range(len(cache))] == [
        [text] for text in arrays["captions"]
    ]


def test_ready_made_pairs_keep_their_other_entries(tmp_path):
    model = tiny.lit_model()
    arrays = tiny.pairs(10)
    pairs = tf.data.Dataset.from_tensor_slices(arrays).batch(4)
    cache = cache_embeddings(model, pairs, tmp_path, dtype="float32")
    np.testing.assert_allclose(
        stored_embeddings(cache)[:, 0], model.encode_images(arrays["images"]), atol=1e-6
    )
    np.testing.assert_array_equal(
        [cache[index]["token_ids"] for index in range(10)], arrays["token_ids"]
    )
    assert "captions" not in cache[0]


def test_views_are_stored_side_by_side(model, tmp_path):
    cache = cache_embeddings(model, caches.pairs(views=3), tmp_path, dtype="float32")
    images = caches.arrays(views=3)["images"]
    assert cache.num_views == 3
    for view in range(3):
        np.testing.assert_allclose(
            stored_embeddings(cache)[:, view], model.encode_images(images[:, view]), atol=1e-6
        )


def test_images_of_any_size_come_ragged(model, tmp_path):
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (5 + n, 12 - n, 3)).astype("uint8") for n in range(5)]
    pairs = tf.data.Dataset.from_generator(
        lambda: ({"images": image, "captions": "red"} for image in images),
        output_signature={
            "images": tf.TensorSpec((None, None, 3), tf.uint8),
            "captions": tf.TensorSpec((), tf.string),
        },
    ).ragged_batch(2)
    cache = cache_embeddings(model, pairs, tmp_path, dtype="float32")
    np.testing.assert_allclose(
        stored_embeddings(cache)[:, 0], model.encode_images(images), atol=1e-6
    )


@pytest.mark.parametrize("form", ["padded", "ragged"])
def test_several_captions_per_image(model, tmp_path, form):
    texts = [["red"], ["blue", "cat", "ðog"], ["sun", "sea"], [""]]
    captions = tf.ragged.constant(texts)
    if form == "padded":
        captions = captions.to_tensor("")
    images = caches.arrays(4)["images"]
    pairs = tf.data.Dataset.from_tensor_slices({"images": images, "captions": captions})
    cache = cache_embeddings(model, pairs.batch(3), tmp_path)
    assert [cache[index]["captions"] for index in range(4)] == texts


@pytest.mark.any_backend
def test_goes_on_where_a_kill_stopped_it_and_changes_no_byte(model, tmp_path):
    expected = tmp_path / "expected"
    cache_embeddings(model, caches.pairs(), expected, batches_per_shard=2)
    folder = tmp_path / "killed"
    process = caches.write_slowly(folder, seconds_per_batch=0.5)
    first_shard = folder / "shard_00000" / "checksums.json"
    caches.wait_until(lambda: first_shard.exists() or process.poll() is not None)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, process.stderr.read()
    process.stderr.close()
    # What a kill while a shard is being written leaves behind.
    (folder / ".shard_00001-partial").mkdir()
    assert not (folder / "manifest.json").exists()
    with pytest.raises(ValueError, match="half written.*goes on where it stopped"):
        EmbeddingCache(folder)

    written_at = first_shard.stat().st_mtime_ns
    cache = cache_embeddings(model, caches.pairs(), folder, batches_per_shard=2)
    assert first_shard.stat().st_mtime_ns == written_at
    assert caches.contents(folder) == caches.contents(expected)
    assert len(cache) == caches.NUM_IMAGES


@pytest.mark.any_backend
def test_processes_write_the_same_cache_together(model, tmp_path):
    alone = tmp_path / "alone"
    cache_embeddings(model, caches.pairs(), alone, batches_per_shard=2)
    together = tmp_path / "together"
    processes = [caches.write_slowly(together, 0, process, 2) for process in range(2)]
    for process in processes:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert caches.contents(together) == caches.contents(alone)


def test_a_finished_cache_is_not_embedded_again(model, tmp_path, monkeypatch):
    cache_embeddings(model, caches.pairs(), tmp_path)
    monkeypatch.setattr(keras_lit.Tower, "predict", None)
    assert len(cache_embeddings(model, caches.pairs(), tmp_path)) == caches.NUM_IMAGES


def other_captions():
    return caches.pairs().map(lambda batch: {**batch, "captions": batch["captions"] + " "})


def other_images():
    return caches.pairs().map(lambda batch: {**batch, "images": 255 - batch["images"]})


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("image_tower_weights", {"model": lambda: caches.lit_model(seed=1)}),
        (
            "image_tower_architecture",
            {"model": lambda: caches.lit_model(dropout=0.5)},
        ),
        (
            r"image_preprocessing\.config\.resize\.config\.size \(stored: null; now: 9\)",
            {
                "model": lambda: caches.lit_model(
                    resize=keras_lit.preprocessing.StretchResize(size=9)
                )
            },
        ),
        ("first_batch_captions", {"pairs": other_captions}),
        ("first_batch_images", {"pairs": other_images}),
        (r"num_batches \(stored: 6; now: 5\)", {"pairs": lambda: caches.pairs().take(5)}),
        (r"batch_size \(stored: 4; now: 5\)", {"pairs": lambda: caches.pairs(batch_size=5)}),
        (r"num_views \(stored: 1; now: 2\)", {"pairs": lambda: caches.pairs(views=2)}),
        (r'source \(stored: "a 1\.0"; now: "a 2\.0"\)', {"source": lambda: "a 2.0"}),
        (r'dtype \(stored: "float16"; now: "float32"\)', {"dtype": lambda: "float32"}),
        (r"batches_per_shard", {"batches_per_shard": lambda: 3}),
    ],
)
@pytest.mark.parametrize("state", ["finished", "half written"])
def test_refuses_a_cache_of_something_else(model, tmp_path, what, changed, state):
    arguments = {
        "model": model,
        "pairs": caches.pairs(),
        "folder": tmp_path,
        "source": "a 1.0",
    }
    cache_embeddings(**arguments)
    if state == "half written":
        (tmp_path / "manifest.json").unlink()
    before = caches.contents(tmp_path)
    arguments.update({name: value() for name, value in changed.items()})
    with pytest.raises(ValueError, match=f"What differs: .*{what}"):
        cache_embeddings(**arguments)
    assert caches.contents(tmp_path) == before


def test_random_augmentation_is_no_other_data(model, tmp_path):
    random = np.random.default_rng(0)

    def augment(batch):
        noise = tf.numpy_function(
            lambda: random.integers(0, 256, (4, 2, 9, 10, 3)).astype("uint8"), [], tf.uint8
        )
        return {**batch, "images": tf.ensure_shape(noise, (4, 2, 9, 10, 3))}

    pairs = caches.pairs(num_images=8).map(augment)
    cache_embeddings(model, pairs, tmp_path)
    assert len(cache_embeddings(model, pairs, tmp_path)) == 8


def test_no_space_left_is_one_error_and_the_cache_goes_on_later(model, tmp_path):
    arrays = caches.arrays()
    arrays["captions"][20] = "red"
    arrays["captions"] = arrays["captions"].astype(object)
    arrays["captions"][20] = "sea " * 100_000
    pairs = tf.data.Dataset.from_tensor_slices(arrays).batch(4)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(OSError, match="Cannot write the embedding cache.*goes on"):
            cache_embeddings(model, pairs, tmp_path, batches_per_shard=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "cache.json",
        "shard_00000",
        "shard_00001",
    ]
    assert len(cache_embeddings(model, pairs, tmp_path, batches_per_shard=2)) == len(
        arrays["images"]
    )


def test_a_read_only_folder_is_one_error(model, tmp_path):
    tmp_path.chmod(0o500)
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(65534)
    try:
        with pytest.raises(PermissionError, match="Cannot write the embedding cache"):
            cache_embeddings(model, caches.pairs(), tmp_path / "cache")
    finally:
        if was_root:
            os.seteuid(0)
        tmp_path.chmod(0o700)


def test_a_folder_that_is_a_file_is_one_error(model, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    with pytest.raises(OSError, match="Cannot write the embedding cache"):
        cache_embeddings(model, caches.pairs(), path)
    with pytest.raises(OSError, match="Cannot write the embedding cache"):
        cache_embeddings(model, caches.pairs(), path / "below")
    assert path.read_text() == "mine"


def test_a_folder_with_other_files_is_left_alone(model, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"not an embedding cache.*notes\.txt"):
        cache_embeddings(model, caches.pairs(), tmp_path)
    assert caches.contents(tmp_path) == {"notes.txt": b"mine"}


def test_a_damaged_shard_of_a_half_written_cache_is_named(model, tmp_path):
    cache_embeddings(model, caches.pairs(), tmp_path, batches_per_shard=2)
    expected = caches.contents(tmp_path)
    (tmp_path / "manifest.json").unlink()
    file = tmp_path / "shard_00001" / "image_embeddings.npy"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(ValueError, match="shard_00001.*damaged.*image_embeddings.npy.*Delete"):
        cache_embeddings(model, caches.pairs(), tmp_path, batches_per_shard=2)
    # The remedy that the message names.
    for path in file.parent.iterdir():
        path.unlink()
    file.parent.rmdir()
    cache_embeddings(model, caches.pairs(), tmp_path, batches_per_shard=2)
    assert caches.contents(tmp_path) == expected


def test_an_image_tower_that_trains_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"tuning='Uu'.*Set `model.tuning = 'Lu'`"):
        cache_embeddings(caches.lit_model(tuning="Uu"), caches.pairs(), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_tower_that_returns_nan_is_refused(tmp_path):
    model = caches.lit_model()
    model.image_tower.weights[0].assign(np.full(model.image_tower.weights[0].shape, np.nan))
    with pytest.raises(ValueError, match="NaN or infinity for images of batch 0"):
        cache_embeddings(model, caches.pairs(), tmp_path)


def strings_beside(batch):
    return {**batch, "name": batch["captions"]}


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        (lambda: caches.arrays(), "must be a tf.data.Dataset"),
        (lambda: caches.pairs().map(lambda batch: batch["images"]), "must be a tf.data.Dataset"),
        (lambda: caches.pairs().repeat(), "never ends"),
        (lambda: caches.pairs().take(0), "has no batch"),
        (lambda: caches.pairs().unbatch().shuffle(23).batch(4), "another order"),
        (lambda: caches.pairs().unbatch(), r"Received: \(9, 10, 3\)"),
        (lambda: caches.pairs().map(lambda b: {"captions": b["captions"]}), "entry 'images'"),
        (lambda: caches.pairs().map(strings_beside), "entry 'name'.*leave the entry out"),
        (
            lambda: caches.pairs().map(lambda b: {**b, "captions": tf.zeros((4, 0), tf.string)}),
            "Row 0 of batch 0 .* no caption",
        ),
        (
            lambda: caches.pairs().map(lambda b: {**b, "images": tf.cast(b["images"], tf.float32)}),
            r"in \[-1, 1\]",
        ),
    ],
)
def test_bad_pairs_are_refused(model, tmp_path, pairs, message):
    with pytest.raises(ValueError, match=message):
        cache_embeddings(model, pairs(), tmp_path)


def test_raw_images_need_a_preprocessor(tmp_path):
    with pytest.raises(ValueError, match="need a preprocessor"):
        cache_embeddings(tiny.lit_model(), caches.pairs(), tmp_path)


@pytest.mark.parametrize("options", [{"dtype": "bfloat16"}, {"batches_per_shard": 0}])
def test_bad_options_are_refused(model, tmp_path, options):
    (name,) = options
    with pytest.raises(ValueError, match=f"`{name}` must be"):
        cache_embeddings(model, caches.pairs(), tmp_path, **options)
