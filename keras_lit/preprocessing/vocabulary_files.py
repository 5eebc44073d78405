"""Path of a vocabulary file -> its bytes, unless a saved configuration asks for it."""

import pathlib

from keras.src.saving import serialization_lib


def read_vocabulary_file(path):
    """Returns the bytes of a vocabulary file.

    Raises:
        ValueError: if a configuration is being deserialised in safe mode: a saved model must not
            make its reader open files outside its archive.
        FileNotFoundError: if there is no such file.
    """
    if serialization_lib.in_safe_mode():
        raise ValueError(
            f"A saved tokenizer names a vocabulary file, {str(path)!r}, outside its archive. If "
            "you trust its source, load it with safe_mode=False."
        )
    return pathlib.Path(path).read_bytes()
