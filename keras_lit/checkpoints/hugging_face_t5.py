"""Hugging Face folder or handle of T5 or mT5 -> its encoder as a backbone, and its tokenizer.

keras-hub reads neither: its T5 presets are its own, and it has none of mT5.
"""

import functools

import keras
import keras_hub
import numpy as np
from keras_hub.src.utils import preset_utils

from keras_lit.backbones import EncoderBackbone
from keras_lit.checkpoints.conversion import match_tensors
from keras_lit.checkpoints.deferred import build_without_values, fill
from keras_lit.checkpoints.tables import Entry
from keras_lit.checkpoints.tensors import CheckpointError, Tensor

# `feed_forward_proj` of the config -> activation of keras-hub, and whether it is gated.
_FEED_FORWARD = {
    "relu": ("relu", False),
    "gated-gelu": (keras.saving.get_registered_object("keras_hub>gelu_approximate"), True),
    "gated-silu": ("silu", True),
}
# What keras-hub's T5 has in its code.
_FIXED = {"relative_attention_num_buckets": 32, "relative_attention_max_distance": 128}
_IGNORED = (r"decoder\..*", r"lm_head\..*")
# All other matrices are stored as (outputs, inputs).
_TABLES = ("shared.weight", "embed_tokens.weight", "relative_attention_bias.weight")


def is_hugging_face_t5(preset):
    """Says whether a preset is a T5 or mT5 as transformers saves it.

    Args:
        preset: string. Any preset or handle of keras-hub, or a folder.

    Raises:
        ValueError: there is no such preset.
    """
    return preset_utils.load_json(preset).get("model_type") in ("t5", "mt5")


def load_t5_encoder(preset, load_weights=True):
    """Loads the encoder of a T5 or mT5 and its tokenizer.

    Args:
        preset: string. Folder, or `hf://` handle, of `config.json`, `model.safetensors` (or its
            shards and `model.safetensors.index.json`) and `spiece.model`.
        load_weights: bool. `False` leaves the weights at random.

    Returns:
        Tuple of an `EncoderBackbone` and a `keras_hub.tokenizers.T5Tokenizer`.

    Raises:
        CheckpointError: the sizes of the config are none that keras-hub's T5 has, a file is
            missing, or a tensor of the encoder is missing, strange or of another shape.

    Reference:
        - [mT5](https://arxiv.org/abs/2010.11934), which is T5 1.1 with a vocabulary of 101
          languages
        - `T5Stack` of https://github.com/huggingface/transformers
    """
    arguments = _arguments(preset_utils.load_json(preset))
    if load_weights:
        t5 = build_without_values(keras_hub.models.T5Backbone, **arguments)
        plan, _ = match_tensors(read_tensors(preset), _entries(t5), _IGNORED)
        for entry, tensor in plan:
            fill(entry.variable, tensor.read())
    else:
        t5 = keras_hub.models.T5Backbone(**arguments)
    tokenizer = keras_hub.tokenizers.T5Tokenizer(_path(preset, "spiece.model"))
    return EncoderBackbone(t5), tokenizer


def _arguments(config):
    found = {name: config.get(name, value) for name, value in _FIXED.items()}
    if found != _FIXED or config["feed_forward_proj"] not in _FEED_FORWARD:
        raise CheckpointError(
            f"T5 of keras-hub has {_FIXED} and a `feed_forward_proj` out of "
            f"{list(_FEED_FORWARD)}. Received: {found} and {config['feed_forward_proj']!r}."
        )
    activation, is_gated = _FEED_FORWARD[config["feed_forward_proj"]]
    return {
        "vocabulary_size": config["vocab_size"],
        "num_layers": config["num_layers"],
        "num_heads": config["num_heads"],
        "hidden_dim": config["d_model"],
        "intermediate_dim": config["d_ff"],
        "key_value_dim": config["d_kv"],
        "dropout": config["dropout_rate"],
        "activation": activation,
        "use_gated_activation": is_gated,
        "layer_norm_epsilon": config["layer_norm_epsilon"],
    }


def _entries(t5):
    """The table: each variable of the encoder, and the tensor that it is filled from."""
    first = t5.encoder_transformer_layers[0].self_attention
    table = {
        "shared.weight": t5.token_embedding.embeddings,
        "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight": (
            first.relative_attention_bias
        ),
        "encoder.final_layer_norm.weight": t5.encoder_layer_norm.weight,
    }
    for index, layer in enumerate(t5.encoder_transformer_layers):
        attention, block = layer.self_attention, f"encoder.block.{index}.layer"
        for name, part in (("q", "query"), ("k", "key"), ("v", "value"), ("o", "output")):
            projector = getattr(attention, f"{part}_projector")
            table[f"{block}.0.SelfAttention.{name}.weight"] = projector.kernel
        table[f"{block}.0.layer_norm.weight"] = layer.self_attention_layer_norm.weight
        inner = f"{block}.1.DenseReluDense"
        if layer.use_gated_activation:
            table[f"{inner}.wi_0.weight"] = layer.input_projector.kernel
            table[f"{inner}.wi_1.weight"] = layer.gate_projector.kernel
        else:
            table[f"{inner}.wi.weight"] = layer.input_projector.kernel
        table[f"{inner}.wo.weight"] = layer.output_projector.kernel
        table[f"{block}.1.layer_norm.weight"] = layer.layer_norm.weight
    return [Entry(name, variable, tuple(variable.shape)) for name, variable in table.items()]


def read_tensors(preset):
    """Lists the tensors of a folder or handle, kernels as keras-hub has them.

    Args:
        preset: as for `load_t5_encoder`.

    Returns:
        Dict name -> `Tensor`, each read from its file when it is needed.
    """
    if preset_utils.check_file_exists(preset, preset_utils.SAFETENSOR_CONFIG_FILE):
        index = preset_utils.load_json(preset, preset_utils.SAFETENSOR_CONFIG_FILE)
        files = sorted(set(index["weight_map"].values()))
    else:
        files = [preset_utils.SAFETENSOR_FILE]
    tensors = {}
    for path in [_path(preset, file) for file in files]:
        with _open(path) as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
        for name, shape in shapes.items():
            tensor = Tensor(shape, (name,), functools.partial(_read, path, name))
            if len(shape) == 2 and not name.endswith(_TABLES):
                tensor = tensor.map(shape[::-1], np.transpose)
            tensors[name] = tensor
    # Another name of the same table; files have either or both.
    table = tensors.pop("encoder.embed_tokens.weight", None)
    return tensors if table is None else {**tensors, "shared.weight": table}


def _read(path, name):
    with _open(path) as file:
        return file.get_tensor(name)


def _open(path):
    import safetensors  # of the extra `huggingface`

    return safetensors.safe_open(path, "numpy")


def _path(preset, name):
    try:
        return preset_utils.get_file(preset, name)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{preset!r} has no {name}. `MT5EncoderModel.from_pretrained(...).save_pretrained("
            "folder)` of transformers writes the weights as safetensors; put spiece.model, the "
            "vocabulary of the published model, beside them."
        ) from error
