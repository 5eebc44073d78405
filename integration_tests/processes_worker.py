"""Two processes that share a cache, its batches and a backup -> what each did, a line of JSON.

Usage: python -m integration_tests.processes_worker ADDRESSES PROCESS FOLDER
"""

import json
import pathlib
import sys

from integration_tests.virtual_devices import make_virtual_devices

BATCH_SIZE, NUM_STEPS = 4, 4


def main(addresses, process, folder):
    import keras
    import numpy as np

    import keras_lit
    from keras_lit import distribution
    from tests.data import caches

    distribution.initialize(addresses, 2, int(process))
    distribution.data_parallel()
    assert distribution.process_index() == int(process)
    folder = pathlib.Path(folder)
    model = caches.lit_model()
    # Three shards for two processes: one embeds more batches than the other.
    cache = keras_lit.data.cache_embeddings(
        model, caches.pairs(), folder / "cache", dtype="float32", batches_per_shard=2
    )
    encoded = model.encode_images(caches.arrays()["images"])
    stored = np.stack([cache[index]["image_embeddings"][0] for index in range(len(cache))])
    np.testing.assert_allclose(stored, encoded, atol=1e-6)

    batches = cache.dataset(BATCH_SIZE, num_passes=None)
    read = [batch["captions"].tolist() for batch in batches.take(NUM_STEPS).as_numpy_iterator()]
    model.compile(keras.optimizers.SGD(0.1), keras_lit.losses.SoftmaxContrastiveLoss())
    log = folder / f"log_{process}.csv"
    backup = keras_lit.TrainingBackup(folder / "backup", every_steps=2)
    step = backup.restore(model)
    callbacks = [keras.callbacks.CSVLogger(log), backup]
    history = model.fit(batches, steps_per_epoch=NUM_STEPS, callbacks=callbacks).history
    trained = distribution.to_numpy(model.head.log_temperature)
    restored = caches.lit_model()
    restored.compile(keras.optimizers.SGD(0.1), keras_lit.losses.SoftmaxContrastiveLoss())
    steps = [step, backup.restore(restored)]
    assert distribution.to_numpy(restored.head.log_temperature) == trained
    captions = [[caption.decode() for caption in batch] for batch in read]
    found = {"read": captions, "steps": steps, "log": log.exists(), "loss": history["loss"]}
    print(json.dumps(found))


if __name__ == "__main__":
    make_virtual_devices(1)
    main(*sys.argv[1:])
