"""A model during `fit` and a held-out dataset -> zero-shot and retrieval metrics in Keras' logs."""

import time

import numpy as np

from keras_lit.evaluation.accuracy import zero_shot_accuracy
from keras_lit.evaluation.clip_templates import CLIP_BEST_TEMPLATES
from keras_lit.evaluation.prompts import describe_classes
from keras_lit.evaluation.retrieval import retrieval_recall
from keras_lit.evaluation.zero_shot import ZeroShotClassifier
from keras_lit.optimizers import StepCounter, num_steps


class PeriodicEvaluation(StepCounter):
    """Measures the model on a held-out dataset every few steps or at the end of each epoch.

    The base of the callbacks below, which define the names, `check_targets` and `measure`.
    Results go into `logs`, where History, the progress bar and every callback listed after this one
    (CSVLogger, TensorBoard, EarlyStopping, ModelCheckpoint) find them, and into `history`, a list
    of dicts with the `step` they were measured at.

    The logs of every epoch hold the latest results; the end of the first epoch is measured in any
    case.

    Embeddings of a locked image tower do not change: they are computed once per `fit` and kept.

    Args:
        dataset: batches `{"images": ..., target_name: ...}` or `(images, targets)`, which can be
            iterated over repeatedly: a `tf.data.Dataset`, a list. Only one batch of images is in
            memory at a time.
        every_steps: integer, or `None` for the ends of epochs.
        every_epochs: integer; used where `every_steps` is `None`.
    """

    target_name = None
    metric_prefix = None

    def __init__(self, dataset, every_steps=None, every_epochs=1):
        super().__init__()
        if iter(dataset) is dataset:
            raise ValueError(
                "`dataset` can be read only once, and is needed for each evaluation. Pass a "
                f"tf.data.Dataset or a list of batches, not a {type(dataset).__name__}."
            )
        for name, number in (("every_steps", every_steps), ("every_epochs", every_epochs)):
            if number is not None and (number != int(number) or number < 1):
                raise ValueError(f"`{name}` must be an integer of at least 1; received {number!r}.")
        self.dataset = dataset
        self.every_steps = every_steps
        self.every_epochs = every_epochs
        self.history = []
        # Keras trains ahead of its callbacks, and runs their ends of batches in threads, if all of
        # them allow it. Between the ends of epochs this one has nothing to do, so it allows it.
        self.async_safe = every_steps is None

    def check_targets(self, targets):
        """Returns the targets of one batch as a list or array; raises ValueError if unusable."""
        raise NotImplementedError

    def measure(self, image_embeddings, targets):
        """Returns a dict of floats from all image embeddings and the list of all targets."""
        raise NotImplementedError

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self._latest = None
        self._locked_embeddings = None
        # An unusable dataset fails here, not after the first epoch.
        for batch in self.dataset:
            self._read(batch)
            break
        else:
            raise ValueError("`dataset` has no batches: there is nothing to evaluate.")

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch, logs)
        if self.every_steps is not None and self.has_passed_multiple(self.every_steps):
            self._evaluate()
            logs.update(self._latest)

    def on_epoch_end(self, epoch, logs=None):
        self.current_step = num_steps(self.model.optimizer)
        is_due = self.every_steps is None and (epoch + 1) % self.every_epochs == 0
        if is_due or self._latest is None:
            self._evaluate()
        logs.update(self._latest)

    def _evaluate(self):
        start = time.perf_counter()
        image_embeddings, targets = self._encode_dataset()
        results = self.measure(image_embeddings, targets)
        results[f"{self.metric_prefix}_seconds"] = time.perf_counter() - start
        self._latest = results
        self.history.append({"step": self.current_step, **results})

    def _encode_dataset(self):
        model = self.model
        # It may have been unlocked since.
        is_locked = getattr(getattr(model, "image_tower", None), "locked", False)
        if is_locked and self._locked_embeddings is not None:
            return self._locked_embeddings
        embeddings, targets = [], []
        for batch in self.dataset:
            images, batch_targets = self._read(batch)
            embeddings.append(model.encode_images(images))
            targets.extend(batch_targets)
        encoded = np.concatenate(embeddings), targets
        if is_locked:
            self._locked_embeddings = encoded
        return encoded

    def _read(self, batch):
        """Splits one batch into images and checked targets."""
        if isinstance(batch, dict):
            missing = {"images", self.target_name} - set(batch)
            if missing:
                raise ValueError(
                    f"`dataset` must yield 'images' and {self.target_name!r}; it lacks "
                    f"{sorted(missing)} and has {sorted(batch)}."
                )
            images, targets = batch["images"], batch[self.target_name]
        elif isinstance(batch, (tuple, list)) and len(batch) == 2:
            images, targets = batch
        else:
            raise ValueError(
                f"`dataset` must yield dicts of 'images' and {self.target_name!r}, or pairs of "
                f"them; received {type(batch).__name__}."
            )
        images = images if isinstance(images, (list, tuple)) else np.asarray(images)
        targets = self.check_targets(targets)
        if len(images) != len(targets):
            raise ValueError(
                f"A batch of `dataset` has {len(images)} images and {len(targets)} "
                f"{self.target_name}."
            )
        return images, targets


class ZeroShotEvaluation(PeriodicEvaluation):
    """Measures zero-shot classification during `fit`.

    Logs `zero_shot_accuracy@1`, `zero_shot_accuracy@5` (for more than five classes),
    `zero_shot_balanced_accuracy` (for one label per image) and `zero_shot_seconds`, what it cost.

    Args:
        dataset: batches `{"images": ..., "labels": ...}` or `(images, labels)`. Images are whatever
            the model's `encode_images` accepts; labels are integers `(batch,)`, or `(batch,
            labels)` padded with -1.
        class_names: list of strings, in the order of the labels.
        templates: list of strings with `{}`, or `None` for the 8 of
            `prompt_templates("clip_best")`.
        every_steps: integer, or `None` for the ends of epochs.
        every_epochs: integer; used where `every_steps` is `None`.
        text_rule: how class names and templates become texts, as for `ZeroShotClassifier`.

    Raises:
        ValueError: here, repeated class names or a template without `{}`; when `fit` begins, a
            dataset without batches or without labels; when measured, labels out of range or
            embeddings that are NaN or not unit-norm.

    Example:

    >>> batches = [{"images": np.zeros((2, 8, 8, 3), "uint8"), "labels": [0, 1]}]
    >>> callback = ZeroShotEvaluation(batches, ["cat", "dog"], every_steps=500)

    Then `model.fit(pairs, callbacks=[callback, keras.callbacks.CSVLogger("log.csv")])`.
    """

    target_name = "labels"
    metric_prefix = "zero_shot"

    def __init__(
        self,
        dataset,
        class_names,
        templates=None,
        every_steps=None,
        every_epochs=1,
        text_rule=describe_classes,
    ):
        super().__init__(dataset, every_steps, every_epochs)
        self.class_names = class_names
        self.templates = CLIP_BEST_TEMPLATES if templates is None else templates
        self.text_rule = text_rule
        text_rule(self.class_names, self.templates)

    def check_targets(self, targets):
        labels = np.asarray(targets)
        if labels.dtype.kind not in "iu" or labels.ndim not in (1, 2):
            raise ValueError(
                "'labels' must be integers of shape (batch,) or (batch, labels); received "
                f"{labels.dtype} of shape {labels.shape}."
            )
        if labels.max(initial=-1) >= len(self.class_names):
            raise ValueError(
                f"'labels' has {labels.max()}, which {len(self.class_names)} class names do not "
                "cover: labels count from 0, in the order of `class_names`."
            )
        return labels

    def measure(self, image_embeddings, targets):
        classifier = ZeroShotClassifier(
            self.model, self.class_names, self.templates, text_rule=self.text_rule
        )
        scores = classifier.similarities(image_embeddings)
        k = (1, 5) if len(self.class_names) > 5 else (1,)
        return zero_shot_accuracy(scores, np.stack(targets), k)


class RetrievalEvaluation(PeriodicEvaluation):
    """Measures retrieval, text for image and image for text, during `fit`.

    Logs `image_to_text_recall@k` and `text_to_image_recall@k` for k = 1, 5, 10, and
    `retrieval_seconds`, what it cost.

    Args:
        dataset: batches `{"images": ..., "captions": ...}` or `(images, captions)`. Images are
            whatever the model's `encode_images` accepts; captions are one string per image, or
            several: `(batch, captions)`, padded with `""`.
        every_steps: integer, or `None` for the ends of epochs.
        every_epochs: integer; used where `every_steps` is `None`.

    Raises:
        ValueError: when `fit` begins, a dataset without batches or captions; when measured, an
            image without a caption or embeddings that are NaN or not unit-norm.

    Example:

    >>> batches = [{"images": np.zeros((2, 8, 8, 3), "uint8"), "captions": ["a cat", "a dog"]}]
    >>> callback = RetrievalEvaluation(batches)

    Then `model.fit(pairs, epochs=10, callbacks=[callback])`.
    """

    target_name = "captions"
    metric_prefix = "retrieval"

    def check_targets(self, targets):
        return [_captions_of_image(captions) for captions in np.asarray(targets, "object")]

    def measure(self, image_embeddings, targets):
        texts = [caption for captions in targets for caption in captions]
        image_ids = np.repeat(np.arange(len(targets)), [len(captions) for captions in targets])
        return retrieval_recall(image_embeddings, self.model.encode_texts(texts), image_ids)


def _captions_of_image(captions):
    """One string, or several padded with empty ones -> list of str; TensorFlow gives bytes."""
    captions = [captions] if isinstance(captions, (str, bytes)) else list(captions)
    captions = [text.decode() if isinstance(text, bytes) else text for text in captions]
    captions = [text for text in captions if text]
    if not captions:
        raise ValueError("'captions' has none for an image; leave such images out.")
    return captions
