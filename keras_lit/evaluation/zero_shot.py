"""Images and class names -> class probabilities (batch, classes), without training on them."""

import numpy as np

from keras_lit.evaluation.checks import check_embeddings, check_labels
from keras_lit.evaluation.clip_templates import CLIP_BEST_TEMPLATES
from keras_lit.evaluation.prompts import canonical_texts, describe_classes


class ZeroShotClassifier:
    """Classifies images by the texts that describe each class.

    The weights of a class are the mean embedding of its texts, class name x template, brought to
    norm 1. They are computed once, in the constructor, and kept in `class_weights`.

    Args:
        model: any object with `encode_images(photos) -> (batch, dim)` and `encode_texts(strings) ->
            (batch, dim)`, unit-norm. If it has a number `temperature` (as `LiTModel` has),
            similarities are multiplied by it before the softmax; otherwise by 1. Which class is
            most probable does not depend on it. `StoredTexts` around a model keeps the embeddings
            of texts in a folder, for the next classifier.
        class_names: list of different strings, in the order of the labels. By the default text
            rule a comma separates aliases, of which the first is used.
        templates: list of strings with `{}` for the class name; `prompt_templates(name)` has
            CLIP's.
        text_rule: function `(class_names, templates) -> [[text, ...], ...]`. The default is that
            of the original LiT evaluation: lower case, without punctuation. `verbatim_texts`
            leaves names and templates as they are.
        batch_size: integer, how many texts are encoded at a time.

    Raises:
        ValueError: no or repeated class names, a template without `{}`, or a model whose embeddings
            are not unit-norm.

    Example:

    >>> class Model:
    ...     def encode_texts(self, texts):
    ...         return np.eye(2)[[int("cat" in text) for text in texts]]
    ...     def encode_images(self, photos):
    ...         return np.eye(2)[[photo.max() for photo in photos]]
    >>> classifier = ZeroShotClassifier(Model(), ["dog", "cat"], templates=["a photo of a {}."])
    >>> classifier.predict(np.ones((1, 8, 8, 3), "uint8")).argmax(axis=-1).tolist()
    [1]

    Reference:
        LiT (arXiv:2111.07991); `discriminative_classifier` in
        github.com/google-research/big_vision.
    """

    def __init__(
        self,
        model,
        class_names,
        templates=CLIP_BEST_TEMPLATES,
        text_rule=canonical_texts,
        batch_size=256,
    ):
        texts_per_class = describe_classes(class_names, templates, text_rule)
        self.model = model
        self.class_names = list(class_names)
        self.class_weights = encode_classes(model, texts_per_class, batch_size)

    def predict(self, photos):
        """Returns probabilities for images.

        Args:
            photos: whatever `model.encode_images` accepts, e.g. uint8 `(batch, height, width, 3)`.

        Returns:
            float32 array `(batch, classes)`, rows sum to 1.

        Raises:
            ValueError: image embeddings that are not unit-norm, of another size, or NaN.
        """
        return self.predict_embeddings(self.model.encode_images(photos))

    def predict_embeddings(self, image_embeddings):
        """Returns probabilities for images that are already embedded.

        Args:
            image_embeddings: unit-norm array `(batch, dim)`.

        Returns:
            float32 array `(batch, classes)`, rows sum to 1.

        Raises:
            ValueError: embeddings that are not unit-norm, of another size, or NaN.
        """
        temperature = float(np.asarray(getattr(self.model, "temperature", 1.0)))
        return softmax(temperature * self.similarities(image_embeddings))

    def similarities(self, image_embeddings):
        """Returns the cosine similarity of images to classes: float32 `(batch, classes)`.

        Args and Raises are those of `predict_embeddings`.
        """
        dim = self.class_weights.shape[1]
        image_embeddings = check_embeddings("image_embeddings", image_embeddings, dim=dim)
        return image_embeddings @ self.class_weights.T


def encode_classes(model, texts_per_class, batch_size=256):
    """Encodes the texts of each class, batch by batch, into the weights of a classifier.

    Args:
        model: object with `encode_texts(strings) -> (batch, dim)`, unit-norm.
        texts_per_class: list of lists of strings, none empty.
        batch_size: integer.

    Returns:
        float32 array `(classes, dim)`.

    Raises:
        ValueError: embeddings that are not unit-norm, or of a number other than that of the texts.
    """
    texts = [text for class_texts in texts_per_class for text in class_texts]
    class_ids = np.repeat(
        np.arange(len(texts_per_class)), [len(class_texts) for class_texts in texts_per_class]
    )
    sums = None
    for start in range(0, len(texts), batch_size):
        batch = texts[start : start + batch_size]
        embeddings = check_embeddings("encode_texts(...)", model.encode_texts(batch))
        if len(embeddings) != len(batch):
            raise ValueError(
                f"`encode_texts` returned {len(embeddings)} embeddings for {len(batch)} texts."
            )
        if sums is None:
            sums = np.zeros((len(texts_per_class), embeddings.shape[1]), "float64")
        np.add.at(sums, class_ids[start : start + batch_size], embeddings)
    return _normalized_means(sums, class_ids)


def class_weights(text_embeddings, class_ids, num_classes):
    """Averages the text embeddings of each class and brings the mean to norm 1.

    Args:
        text_embeddings: unit-norm array `(texts, dim)`.
        class_ids: integers `(texts,)`, the class of each text. Every class has a text.
        num_classes: integer.

    Returns:
        float32 array `(num_classes, dim)`: mean / (1e-8 + norm of the mean).

    Raises:
        ValueError: embeddings that are not unit-norm, ids out of range, or a class without a text.

    Example:

    >>> class_weights(np.eye(2), class_ids=[0, 0], num_classes=1).round(3).tolist()
    [[0.7070000171661377, 0.7070000171661377]]
    """
    text_embeddings = check_embeddings("text_embeddings", text_embeddings)
    class_ids = check_labels("class_ids", class_ids, len(text_embeddings), num_classes)
    missing = np.setdiff1d(np.arange(num_classes), class_ids)
    if len(missing):
        raise ValueError(f"`class_ids` has no text for class {missing[0]} of {num_classes}.")
    sums = np.zeros((num_classes, text_embeddings.shape[1]), "float64")
    np.add.at(sums, class_ids, text_embeddings)
    return _normalized_means(sums, class_ids)


def softmax(logits):
    """Turns logits `(batch, classes)` into probabilities, float32, stable for large logits."""
    exponentials = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return (exponentials / exponentials.sum(axis=-1, keepdims=True)).astype("float32")


def _normalized_means(sums, class_ids):
    means = sums / np.bincount(class_ids, minlength=len(sums))[:, None]
    norms = np.linalg.norm(means, axis=1, keepdims=True)
    return (means / (1e-8 + norms)).astype("float32")
