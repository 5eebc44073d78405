"""Rows of a shard <-> a folder of .npy files with checksums, written whole or not at all.

A shard is a folder:

- `image_embeddings.npy`, `(rows, views, dim)`;
- `captions.npy`, the UTF-8 bytes of all captions, `caption_ends.npy`, where each one ends, and
  `row_ends.npy`, how many captions there are up to and including each row;
- `<entry>.npy`, `(rows, ...)`, for any other entry of the pairs, e.g. `token_ids`;
- `checksums.json`, the number of rows and the SHA-256 of each file.
"""

import contextlib
import hashlib
import io
import json
import os
import pathlib
import shutil
import tempfile

import numpy as np

from keras_lit.whole_files import whole_file

CHECKSUMS = "checksums.json"
_RESERVED = ("image_embeddings", "captions", "caption_ends", "row_ends")


def shard_path(folder, shard):
    """Returns the folder of a shard, given its number."""
    return pathlib.Path(folder) / f"shard_{shard:05d}"


@contextlib.contextmanager
def clear_os_errors(folder):
    """Says what to do about a folder that cannot be written or a disk that is full."""
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno,
            f"Cannot write the embedding cache '{folder}': {error.strerror}. Shards that are "
            "finished stay as they are: free some space or make the folder writable, and the same "
            "call goes on where it stopped",
        ) from error


def write_json(path, value):
    """Writes a JSON file in one step: a reader sees the old file or the new one."""
    data = json.dumps(value, indent=1, sort_keys=True).encode()
    with whole_file(path) as file:
        _write_through(file, data)


def read_json(path):
    """Reads a JSON file, or raises a ValueError that names it."""
    try:
        return json.loads(pathlib.Path(path).read_bytes())
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(f"'{path}' of an embedding cache is damaged: {error}.") from error


def write_shard(folder, shard, embeddings, captions, entries):
    """Writes one shard, or nothing.

    Args:
        folder: The cache's folder.
        shard: Integer, the shard's number.
        embeddings: Array `(rows, views, dim)`.
        captions: List of one list of bytes per row, or `None`.
        entries: Dict of arrays `(rows, ...)`.

    Raises:
        OSError: If the files cannot be written.
    """
    arrays = {"image_embeddings": embeddings, **entries}
    if captions is not None:
        flat = [caption for row in captions for caption in row]
        arrays["captions"] = np.frombuffer(b"".join(flat), "uint8")
        arrays["caption_ends"] = np.cumsum([len(caption) for caption in flat], dtype="int64")
        arrays["row_ends"] = np.cumsum([len(row) for row in captions], dtype="int64")
    temporary = pathlib.Path(tempfile.mkdtemp(dir=folder, prefix=f".shard_{shard:05d}-"))
    try:
        checksums = {"rows": len(embeddings), "files": {}}
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=False)
            with open(temporary / f"{name}.npy", "wb") as file:
                _write_through(file, buffer.getbuffer())
            checksums["files"][f"{name}.npy"] = hashlib.sha256(buffer.getbuffer()).hexdigest()
        write_json(temporary / CHECKSUMS, checksums)
        temporary.chmod(0o755)
        try:
            os.rename(temporary, shard_path(folder, shard))
        except OSError:
            # Another process may have finished the same shard: it has the same contents.
            if not shard_path(folder, shard).exists():
                raise
            shutil.rmtree(temporary)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def verify_shard(path, checksums):
    """Compares every file of a shard with its SHA-256.

    Args:
        path: The shard's folder.
        checksums: The contents of its `checksums.json`.

    Raises:
        ValueError: Names the first file that is missing or differs.
    """
    for name, expected in checksums["files"].items():
        file = pathlib.Path(path) / name
        if not file.is_file():
            raise ValueError(damaged(path, f"'{name}' is missing"))
        with open(file, "rb") as opened:
            found = hashlib.file_digest(opened, "sha256").hexdigest()
        if found != expected:
            raise ValueError(
                damaged(path, f"SHA-256 of '{name}' is {found[:12]}, expected {expected[:12]}")
            )


def damaged(path, what):
    """Returns the message for a damaged shard."""
    path = pathlib.Path(path)
    return (
        f"The shard '{path}' of an embedding cache is damaged: {what}. Delete that folder and "
        f"'{path.parent / 'manifest.json'}', and call `cache_embeddings` as before: it writes this "
        "shard again."
    )


class Shard:
    """A finished shard, memory-mapped: rows -> embeddings, captions and other entries.

    Args:
        path: The shard's folder.
        files: Names of its files.
    """

    def __init__(self, path, files):
        self._arrays = {}
        for file in files:
            try:
                array = np.load(path / file, mmap_mode="r", allow_pickle=False)
            except (ValueError, EOFError, FileNotFoundError) as error:
                raise ValueError(damaged(path, f"'{file}': {error}")) from error
            self._arrays[file.removesuffix(".npy")] = np.asarray(array)

    def embeddings(self, rows):
        """Returns the embeddings `(rows, views, dim)` as stored."""
        return self._arrays["image_embeddings"][rows]

    def entry(self, name, rows):
        """Returns another entry of the pairs, `(rows, ...)`."""
        return self._arrays[name][rows]

    def captions(self, row):
        """Returns the captions of one row, a list of bytes."""
        first, last = self._spans("row_ends", np.array([row]))
        return self._texts(np.arange(first[0], last[0]))

    def chosen_captions(self, rows, choices):
        """Returns one caption per row, a list of bytes.

        Args:
            rows: Array of row numbers.
            choices: Array of integers >= 0, of which the remainder by the number of captions says
                which one.
        """
        first, last = self._spans("row_ends", rows)
        return self._texts(first + choices % (last - first))

    def _spans(self, name, indices):
        """Returns where each of `indices` starts and stops."""
        ends = self._arrays[name]
        return np.where(indices > 0, ends[np.maximum(indices, 1) - 1], 0), ends[indices]

    def _texts(self, indices):
        starts, stops = self._spans("caption_ends", indices)
        # A slice of an array costs several times one of a memoryview.
        data = memoryview(self._arrays["captions"])
        spans = zip(starts.tolist(), stops.tolist(), strict=True)
        return [bytes(data[start:stop]) for start, stop in spans]


def check_entry_name(name):
    """Raises if an entry of the pairs cannot be a file name of a shard."""
    if name in _RESERVED or not name.isidentifier():
        raise ValueError(
            f"`pairs` has an entry '{name}', which a cache cannot store under this name. Rename it "
            "in `pairs.map(...)`, or leave it out."
        )


def _write_through(file, data):
    file.write(data)
    file.flush()
    # Without it a crash of the machine may leave a finished name over unfinished contents.
    os.fsync(file.fileno())
