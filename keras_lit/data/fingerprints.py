"""A model and its data -> what a cache must be told to be trusted, as plain JSON values."""

import hashlib
import json
import re

import keras
import numpy as np
import tensorflow as tf
from keras import ops

RANDOM = "random"
_MAY_BE_UNKNOWN = ("source", "num_batches")


def weights_fingerprint(tower):
    """Returns the SHA-256 of a tower's weights: shapes, dtypes and bytes, in their order."""
    digest = hashlib.sha256()
    for weight in tower.weights:
        _add_array(digest, ops.convert_to_numpy(ops.stop_gradient(weight.value)))
    return digest.hexdigest()


def architecture_fingerprint(tower):
    """Returns the SHA-256 of a tower's config, whatever its layers are called."""
    config = canonical_config(tower)
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def canonical_config(keras_object):
    """Returns a Keras object's config in JSON values that do not depend on what was built before.

    Keras numbers the layers of a process (`dense_3`); here each kind is counted from 0.
    """
    serialized = keras.saving.serialize_keras_object(keras_object)
    config = json.loads(json.dumps(serialized, default=str))
    canonical_names, counts = {}, {}
    for name in _names(config):
        if name not in canonical_names:
            kind = re.sub(r"_\d+$", "", name)
            canonical_names[name] = f"{kind}:{counts.get(kind, 0)}"
            counts[kind] = counts.get(kind, 0) + 1
    return _replace(config, canonical_names)


def batch_fingerprint(batch, names):
    """Returns the SHA-256 of some entries of a batch of tensors."""
    digest = hashlib.sha256()
    for name in sorted(names):
        digest.update(name.encode())
        for component in tf.nest.flatten(batch[name], expand_composites=True):
            _add_array(digest, component.numpy())
    return digest.hexdigest()


def data_fingerprints(pairs):
    """Returns the fingerprints of the first batch of pairs, read twice.

    Args:
        pairs: `tf.data.Dataset` of dicts.

    Returns:
        Dict of `first_batch_images`, `RANDOM` where they are augmented at random,
        `first_batch_captions` (with all other entries) and `batch_size`.

    Raises:
        ValueError: If there is no batch, or the order is random.
    """
    first, again = _first_batch(pairs), _first_batch(pairs)
    if first is None or again is None:
        raise ValueError("`pairs` has no batch. Is the file or split empty?")
    others = [name for name in first if name != "images"]
    images = [batch_fingerprint(batch, ["images"]) for batch in (first, again)]
    captions = [batch_fingerprint(batch, others) for batch in (first, again)]
    if captions[0] != captions[1]:
        raise ValueError(
            "`pairs` comes in another order, or with other captions, each time it is read, so an "
            "interrupted cache could not go on. Leave `shuffle` and random captions out: store all "
            "captions of an image, `cache.dataset` shuffles and chooses."
        )
    return {
        "first_batch_images": images[0] if images[0] == images[1] else RANDOM,
        "first_batch_captions": captions[0],
        "batch_size": int(first["images"].shape[0]),
    }


def differences(stored, expected):
    """Compares two dicts of fingerprints.

    Args:
        stored: Dict, what the cache was made from.
        expected: Dict, what is at hand. A source or number of batches that is not known (`None`),
            and pictures augmented at random, match anything.

    Returns:
        List of strings, one for each entry that differs.
    """
    found = []
    for name in sorted(expected.keys() | stored.keys()):
        values = stored.get(name), expected.get(name)
        if name in _MAY_BE_UNKNOWN and None in values:
            continue
        if name == "first_batch_images" and RANDOM in values:
            continue
        if all(isinstance(value, dict) for value in values):
            found += [f"{name}.{inner}" for inner in differences(*values)]
        elif values[0] != values[1]:
            found.append(f"{name} (stored: {_short(values[0])}; now: {_short(values[1])})")
    return found


def _first_batch(pairs):
    return next(iter(pairs.take(1)), None)


def _add_array(digest, array):
    digest.update(f"{array.dtype.name}{array.shape}".encode())
    if array.dtype == object:
        for text in array.ravel():
            digest.update(len(text).to_bytes(8, "little") + text)
    else:
        digest.update(np.ascontiguousarray(array).tobytes())


def _names(config):
    if isinstance(config, dict):
        if isinstance(config.get("name"), str):
            yield config["name"]
        for value in config.values():
            yield from _names(value)
    elif isinstance(config, list):
        for value in config:
            yield from _names(value)


def _replace(config, texts):
    if isinstance(config, dict):
        return {key: _replace(value, texts) for key, value in config.items()}
    if isinstance(config, list):
        return [_replace(value, texts) for value in config]
    return texts.get(config, config) if isinstance(config, str) else config


def _short(value):
    text = json.dumps(value, sort_keys=True)
    is_digest = isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value)
    return value[:12] if is_digest else text
