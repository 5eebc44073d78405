"""Weights before and after tuning -> weights in between, that know some of both."""

import numpy as np


def interpolate_weights(start, tuned, share):
    """Mixes the weights of a model before and after tuning (WiSE-FT).

    In between, a model often keeps most of what tuning taught it and most of what it could before:
    its zero-shot accuracy on data that the tuning never saw.

    Args:
        start: List of arrays, `model.get_weights()` before `fit`.
        tuned: List of arrays, `model.get_weights()` after it.
        share: Float in [0, 1], the share of `tuned`.

    Returns:
        List of arrays, for `model.set_weights`. Their dtypes are those of `tuned`.

    Raises:
        ValueError: If `share` is no share, the lists are not of one model, or weights differ that
            cannot be mixed: integers, as after quantisation.

    Example:

    ```python
    import numpy as np
    from keras_lit.tuning import interpolate_weights

    interpolate_weights([np.zeros(2)], [np.ones(2)], share=0.25)  # [array([0.25, 0.25])]
    ```

    Reference:
        - [Robust fine-tuning of zero-shot models](https://arxiv.org/abs/2109.01903)
    """
    if not 0 <= share <= 1:
        raise ValueError(f"`share` must be in [0, 1]. Received: share={share}.")
    shapes = [[tuple(np.shape(array)) for array in arrays] for arrays in (start, tuned)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            "`start` and `tuned` must be the weights of one model, in the same order. Received: "
            f"{len(start)} and {len(tuned)} arrays, which differ in number or shape. Adapters "
            "(LoRA) change the list: take `start` after `enable_lora`."
        )
    return [_mix(old, new, share) for old, new in zip(start, tuned, strict=True)]


def _mix(old, new, share):
    old, new = np.asarray(old), np.asarray(new)
    if np.array_equal(old, new):
        return new
    if new.dtype.kind in "iub":
        raise ValueError(
            f"Weights of dtype {new.dtype} cannot be mixed. Interpolate before quantisation."
        )
    # What float32 and less store is mixed in float32.
    mixed = (1 - share) * old.astype("float32") + share * new.astype("float32")
    return mixed.astype(new.dtype)
