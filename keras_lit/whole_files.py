"""A path -> a file to write to, which is there as a whole when it is closed, or not at all."""

import contextlib
import os
import tempfile


@contextlib.contextmanager
def whole_file(path):
    """Opens a file for bytes that takes its name, and replaces an older one, at the end.

    Args:
        path: `pathlib.Path` in a folder that exists.

    Yields:
        A binary file, which only its owner may read.

    Raises:
        OSError: If it cannot be written. On any error within, nothing is left behind.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
