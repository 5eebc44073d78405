"""A folder of pictures and a model -> their embeddings (pictures, dim), each computed only once."""

import hashlib
import json
import pathlib

import numpy as np

from keras_lit.evaluation.stored_texts import write_array


def embed_folder(model, folder, store, batch_size=64):
    """Embeds all pictures below a folder, or those that are new since the last time.

    After each batch its embeddings are stored, so that an interrupted call goes on where it was.

    Args:
        model: `keras_lit.LiTModel` with a preprocessor.
        folder: path that holds pictures, in folders of any depth.
        store: path where embeddings are kept, created if missing.
        batch_size: integer, how many pictures are in memory at a time.

    Returns:
        Tuple of a list of paths, sorted; unit-norm float32 `(paths, dim)`; and a dict from each
        file that holds no picture to the reason.

    Raises:
        ValueError: if there are no pictures.
        OSError: if `store` cannot be written.

    Example:

    ```python
    from keras_lit.evaluation.picture_folder import embed_folder

    def find(model, text):
        paths, images, _ = embed_folder(model, "photos", "photo_embeddings")
        similarities = images @ model.encode_texts([text])[0]
        return paths[similarities.argmax()]
    ```
    """
    from keras_lit.data import fingerprints
    from keras_lit.preprocessing.pictures import PICTURE_SUFFIXES, is_picture_file, read_images

    folder, store = pathlib.Path(folder), pathlib.Path(store)
    paths = [path for path in sorted(folder.rglob("*")) if is_picture_file(path) and path.is_file()]
    if not paths:
        suffixes = ", ".join(PICTURE_SUFFIXES)
        raise ValueError(f"'{folder}' has no pictures: no {suffixes} in it or below.")
    tower = [
        fingerprints.weights_fingerprint(model.image_tower),
        fingerprints.architecture_fingerprint(model.image_tower),
        fingerprints.canonical_config(model.preprocessor.image_converter),
    ]
    place = {path: store / f"{_digest([tower, _stamp(path)])}.npy" for path in paths}
    broken = {}
    new = [path for path in paths if not place[path].is_file()]
    for start in range(0, len(new), batch_size):
        readable, pictures = [], []
        for path in new[start : start + batch_size]:
            try:
                pictures.append(read_images(path))
                readable.append(path)
            except ValueError as error:
                broken[path] = str(error)
        if pictures:
            for path, embedding in zip(readable, model.encode_images(pictures), strict=True):
                write_array(place[path], embedding)
    paths = [path for path in paths if path not in broken]
    if not paths:
        reason = next(iter(broken.values()))
        raise ValueError(f"'{folder}' has no picture that can be read, e.g.: {reason}")
    return paths, np.stack([np.load(place[path]) for path in paths]), broken


def _stamp(path):
    """What changes when a file is replaced."""
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]


def _digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
