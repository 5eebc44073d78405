"""Files of a release -> their paths under the user's cache folder, downloaded on first use."""

import hashlib
import os
import pathlib

import filelock
import keras


def cache_folder():
    """Returns where presets and downloads are kept: `models/keras_lit` of `KERAS_HOME`.

    Without that environment variable, of `~/.keras`, as Keras and keras-hub do.
    """
    home = os.environ.get("KERAS_HOME") or pathlib.Path.home() / ".keras"
    return pathlib.Path(home).expanduser() / "models" / "keras_lit"


def download_path(file):
    """Returns where a `RemoteFile` is, or would be, on this machine."""
    return cache_folder() / "downloads" / file.path


def fetch(files):
    """Downloads the files that are not there yet.

    A file appears under its name when it is complete and its checksum, where known, is right. An
    interrupted download starts again at the next call.

    Args:
        files: list of `RemoteFile`s.

    Returns:
        List of paths.

    Raises:
        ValueError: a file cannot be downloaded, or is not the published one. The message says
            which files to put where.
    """
    for file in files:
        path = download_path(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{path}.lock"):
            if path.is_file():
                _check(path, file)
                continue
            try:
                _download(file, path)
            # `get_file` raises plain Exceptions, too, and network libraries anything.
            except Exception as error:
                raise ValueError(_instructions(files, file, error)) from error
    return [download_path(file) for file in files]


def _download(file, path):
    unfinished = path.with_name(f"{path.name}.part")
    try:
        keras.utils.get_file(
            fname=unfinished.name,
            origin=file.url,
            cache_subdir=str(path.parent.absolute()),
            force_download=True,  # what an interrupted download left
            file_hash=file.sha256,
            hash_algorithm="sha256",
        )
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _check(path, file):
    if file.sha256 is None:
        return
    with open(path, "rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    if sha256 != file.sha256:
        raise ValueError(
            f"{path} is not the published file: its SHA-256 is {sha256}, expected {file.sha256}. "
            "Delete it, and the next call downloads it again."
        )


def _instructions(files, failed, error):
    missing = [file for file in files if not download_path(file).is_file()]
    lines = "".join(f"\n  {file.url}\n  -> {download_path(file)}" for file in missing)
    return (
        f"Cannot download {failed.url}: {error}\nWithout a network, get these files on another "
        f"machine, put them here, and call again:{lines}"
    )
