"""Devices and processes -> one training over all of them: called once, before a model is built."""

from keras_lit.distribution import _rendezvous
from keras_lit.distribution._running import backend as _backend


def initialize(coordinator_address=None, num_processes=None, process_id=None, timeout_seconds=300):
    """Joins several processes, on one machine or many, into one training.

    Call it first, then `data_parallel()` or another of the calls below. Every process runs the
    same script; each reads its own share of the data, see `keras_lit.data.local_share`. JAX uses
    its distributed runtime, TensorFlow `tf.distribute.MultiWorkerMirroredStrategy`.

    Args:
        coordinator_address: String `"host:port"` of process 0. TensorFlow needs those of all
            processes, comma-separated, process 0 first; JAX takes that too. `None`: what the
            cluster says itself, to JAX on TPU pods, SLURM and the like, to TensorFlow in the
            environment variable TF_CONFIG.
        num_processes: Integer.
        process_id: Integer, the number of this process, from 0.
        timeout_seconds: Number, how long to wait for the others.

    Raises:
        ValueError: If an argument is not what it must be, or TF_CONFIG is needed and not set.
        TimeoutError: If other processes do not come in time. Names the address.
        NotImplementedError: On torch.
    """
    if coordinator_address is not None:
        _rendezvous.check_processes(num_processes, process_id)
        for address in str(coordinator_address).split(","):
            _rendezvous.parse_address(address)
    _backend.initialize(coordinator_address, num_processes, process_id, timeout_seconds)


def data_parallel(devices=None):
    """Trains on several accelerators: every one holds the model and a share of each batch.

    Call it once, before any model, tower or backbone is built. On one device it changes nothing.
    JAX uses `keras.distribution.DataParallel`, TensorFlow `tf.distribute.MirroredStrategy`; the
    script around it is the same. The loss still sees the global batch (see `gather_batch`).

    Args:
        devices: List of device names, e.g. `["gpu:0", "gpu:1"]`. Defaults to all accelerators of
            all processes, or to all (virtual) CPU devices where there is none.

    Raises:
        ValueError: If `devices` is empty or names a device that does not exist.
        NotImplementedError: On torch with more than one device.

    Example:

    ```python
    import keras_lit

    keras_lit.distribution.data_parallel()
    ```
    """
    _backend.data_parallel(_choose(devices))


def fully_sharded(devices=None):
    """Trains like `data_parallel`, with weights and optimizer state split over the devices too.

    Each variable is split along its largest axis that the number of devices divides, so memory for
    the model falls as 1 / devices. The compiler gathers a weight where it is used.

    Args:
        devices: As for `data_parallel`.

    Raises:
        ValueError: If `devices` is empty or names a device that does not exist.
        NotImplementedError: On TensorFlow and torch.

    Reference:
        - [ZeRO](https://arxiv.org/abs/1910.02054), stage 3.
    """
    _backend.fully_sharded(_choose(devices))


def model_parallel(model_axis, devices=None):
    """Splits the transformer blocks over some devices, and the batch over groups of them.

    The devices form a grid of `len(devices) / model_axis` groups, each of which holds the model
    once, attention split by heads and MLPs by their hidden units, and takes a share of the batch.

    Args:
        model_axis: Integer, over how many devices a block is split. It should divide the number of
            heads; what it does not divide stays whole.
        devices: As for `data_parallel`.

    Raises:
        ValueError: If `model_axis` does not divide the number of devices, or `devices` is empty or
            names a device that does not exist.
        NotImplementedError: On TensorFlow and torch.

    Reference:
        - [Megatron-LM](https://arxiv.org/abs/1909.08053)
    """
    chosen = _choose(devices)
    if not isinstance(model_axis, int) or model_axis < 1 or len(chosen) % model_axis:
        raise ValueError(
            f"`model_axis` must be an integer that divides the {len(chosen)} devices. Received: "
            f"model_axis={model_axis!r}. 1 is `data_parallel()`."
        )
    _backend.model_parallel(chosen, model_axis)


def _choose(devices):
    """Returns the names of the devices to use, or raises a ValueError."""
    known = _backend.devices()
    chosen = known if devices is None else [str(device).lower() for device in devices]
    unknown = [device for device in chosen if device not in known]
    if unknown or not chosen or len(set(chosen)) != len(chosen):
        raise ValueError(
            f"`devices` must name distinct devices out of {known}. Received: devices={devices}. "
            "Leave it out to use all of them."
        )
    return chosen
