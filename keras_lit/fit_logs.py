"""Arguments of `fit` -> those of a process that leaves logs to another."""

import keras

_LOG_WRITERS = (
    keras.callbacks.CSVLogger,
    keras.callbacks.RemoteMonitor,
    keras.callbacks.TensorBoard,
)


def without_logs(fit_arguments):
    """Returns arguments of `fit` for a process that prints and logs nothing."""
    callbacks = [
        callback
        for callback in fit_arguments.get("callbacks") or []
        if not isinstance(callback, _LOG_WRITERS)
    ]
    return {**fit_arguments, "callbacks": callbacks, "verbose": 0}
