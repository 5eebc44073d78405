"""Path of an `.npz` file -> its tensors, one at a time; and back, without a half-written file."""

import os
import pathlib
import struct
import zipfile
import zlib

import numpy as np

from keras_lit.checkpoints.tensors import CheckpointError, Tensor, as_float

_READ_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, NotImplementedError)


def split_source(source):
    """`"file.npz:img"` -> (`"file.npz"`, `"img"`); without a suffix (`source`, `None`)."""
    path, colon, name = str(source).rpartition(":")
    return (path, name.strip("/")) if colon and path.endswith(".npz") else (str(source), None)


def read_archive(path):
    """Lists the tensors of an `.npz` file; the values of each are read from disk on demand.

    Only one tensor is held in memory at a time. Pickled arrays are refused: loading them can run
    code.

    Args:
        path: path of the file.

    Returns:
        Dict name -> `Tensor`.

    Raises:
        CheckpointError: the file is missing, cut off, corrupted, no `.npz`, or holds pickles.

    Example:

    ```python
    import os, tempfile
    import numpy as np
    from keras_lit.checkpoints import read_archive

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "file.npz")
        np.savez(path, t=np.zeros(1))
        read_archive(path)["t"].shape  # (1,)
    ```
    """
    if not os.path.isfile(path):
        raise CheckpointError(f"There is no checkpoint file {str(path)!r}. Check the path.")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            shapes = {name: _read_shape(archive, info) for name, info in members.items()}
    except _READ_ERRORS as error:
        raise _unreadable(path, error) from error
    read = _LastTensor(path, members)
    return {
        name: Tensor(shape, (name,), lambda name=name: read(name)) for name, shape in shapes.items()
    }


def verify_archive(path):
    """Reads a file through once and compares all checksums.

    Raises:
        CheckpointError: the file is cut off or corrupted.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
    except _READ_ERRORS as error:
        raise _unreadable(path, error) from error
    if damaged is not None:
        raise _unreadable(path, f"bad checksum of {damaged!r}")


def write_archive(path, arrays):
    """Writes arrays one after the other into an `.npz` file, which appears when it is complete.

    Args:
        path: path of the file.
        arrays: iterable of (name, NumPy array).
    """
    path = pathlib.Path(path)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays:
                with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


class _LastTensor:
    """Reads tensors of a file by name and remembers the last, which its slices share."""

    def __init__(self, path, members):
        self._path = path
        self._members = members
        self._name = self._array = None

    def __call__(self, name):
        if name != self._name:
            self._name = self._array = None
            try:
                array = _read_array(self._path, self._members[name])
            except (*_READ_ERRORS, OSError) as error:
                raise _unreadable(self._path, error) from error
            self._name, self._array = name, as_float(array)
        return self._array


def _read_array(path, info):
    if info.compress_type == zipfile.ZIP_STORED:
        # Mapped, not read: a slice of a stacked tensor then costs a slice.
        with open(path, "rb") as stream:
            stream.seek(info.header_offset + 26)  # in the ZIP format: lengths of name, extra field
            stream.seek(info.header_offset + 30 + sum(struct.unpack("<HH", stream.read(4))))
            shape, is_fortran_order, dtype = _read_header(stream, info.filename)
            if 0 not in shape:
                order = "F" if is_fortran_order else "C"
                return np.memmap(path, dtype, "r", stream.tell(), shape, order)
    with zipfile.ZipFile(path) as archive, archive.open(info) as member:
        return np.lib.format.read_array(member, allow_pickle=False)


def _read_shape(archive, info):
    if not info.filename.endswith(".npy"):
        raise ValueError(f"{info.filename!r} is no NumPy array")
    with archive.open(info) as member:
        shape, _, dtype = _read_header(member, info.filename)
        if dtype.hasobject:
            raise ValueError(
                f"{info.filename!r} holds pickled Python objects, which are never loaded"
            )
        num_bytes = dtype.itemsize * int(np.prod(shape, dtype=np.int64))
        if info.file_size != member.tell() + num_bytes:
            raise ValueError(f"{info.filename!r} does not have the length that its header says")
    return shape


def _read_header(member, name):
    """Returns shape, whether the order is Fortran's, and dtype."""
    version = np.lib.format.read_magic(member)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in read_header:
        raise ValueError(f"{name!r} has the unknown format version {version}")
    return read_header[version](member)


def _unreadable(path, reason):
    return CheckpointError(
        f"Cannot read the checkpoint {str(path)!r}: {reason}. It must be a complete .npz file of "
        "plain arrays; download or copy it again."
    )
