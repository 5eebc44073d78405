"""Two devices -> what callbacks measured during `fit`, beside the same computed by NumPy, as JSON.

Usage: python -m integration_tests.callbacks_worker
"""

import json

from integration_tests.virtual_devices import make_virtual_devices

make_virtual_devices(2)

import keras  # noqa: E402
import numpy as np  # noqa: E402

import keras_lit  # noqa: E402
from keras_lit import evaluation  # noqa: E402
from tests.evaluation import benchmark_cases as cases  # noqa: E402

TEMPLATES = ["two {}"]


def main():
    keras_lit.distribution.data_parallel()
    assert keras_lit.distribution.num_replicas() == 2
    model = cases.lit_model()
    model.compile(keras.optimizers.Adam(0.01), loss=keras_lit.losses.SoftmaxContrastiveLoss())
    # Five of each, which two devices do not divide.
    images = np.stack([cases.picture(label, 0) for label in range(5)])
    names = cases.CLASSES[:5]
    callbacks = [
        evaluation.ZeroShotEvaluation([(images, np.arange(5))], names, TEMPLATES, every_steps=2),
        evaluation.RetrievalEvaluation([{"images": images, "captions": names}]),
    ]
    pairs = {"images": images[:4], "captions": np.array(names[:4])}
    history = model.fit(pairs, batch_size=2, epochs=2, verbose=0, callbacks=callbacks).history

    def embed(tower, inputs):
        # Called as it is, on one device.
        return keras.ops.convert_to_numpy(tower(inputs))

    preprocessor = model.preprocessor
    image_embeddings = embed(model.image_tower, preprocessor.convert_images(images))
    texts = [
        embed(model.text_tower, preprocessor.tokenize_captions(rows))
        for rows in (names, [TEMPLATES[0].format(name) for name in names])
    ]
    expected = evaluation.retrieval_recall(image_embeddings, texts[0], np.arange(5))
    scores = image_embeddings @ texts[1].T
    expected |= evaluation.zero_shot_accuracy(scores, np.arange(5), k=(1,))
    print(
        json.dumps(
            {
                "measured": {name: history[name][-1] for name in expected},
                "expected": expected,
                "steps": [
                    [record["step"] for record in callback.history] for callback in callbacks
                ],
                "seconds": [history["zero_shot_seconds"][-1], history["retrieval_seconds"][-1]],
            }
        )
    )


if __name__ == "__main__":
    main()
