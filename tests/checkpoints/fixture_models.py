"""Model fixture of the original -> a converted model and the outputs to compare."""

import json

import keras
import numpy as np

from keras_lit.backbones import BiTBackbone, ResNetBackbone
from keras_lit.checkpoints import build_lit_model, build_tower, convert, open_checkpoint
from keras_lit.layers import TanhRepresentation
from tests import reference

_POOLINGS = {
    "token": "class_token",
    "tok": "class_token",
    "gap": "mean",
    "mean": "mean",
    "max": "max",
    "gmp": "max",
    "first": "class_token",
    "0": "class_token",
    "last": "last_token",
    "map": "attention",
    None: None,
}
# The layouts of one fixture mostly lead to one architecture, which is compiled once.
_MODELS = {}


def convert_fixture(fixture, params_file):
    """Builds the model of a fixture from the shapes in one of its files, and fills it.

    Args:
        fixture: name of a folder.
        params_file: name of an `.npz` file in it.

    Returns:
        The `LiTModel` or `Tower`, a function inputs -> outputs, and the `ConversionReport`.
    """
    path = reference.reference_root() / fixture / params_file
    model = build_fixture_model(reference.load_json(fixture), open_checkpoint(path).tensors)
    key = (fixture, _architecture(model))
    if key not in _MODELS:
        _MODELS[key] = (model, _outputs_function(model))
    model, compute_outputs = _MODELS[key]
    for variable in model.weights:  # whatever a conversion does not fill shows
        variable.assign(np.full(variable.shape, np.nan))
    return model, compute_outputs, convert(path, model)


def build_fixture_model(config, tensors):
    """Builds the model of a fixture from its config and the shapes of its tensors."""
    if "out_dim" not in config:
        return build_tower(tensors, **_tower_options(config, config))
    text = {**config["text"], **(config.get("bert") or {})}
    return build_lit_model(
        tensors,
        image_options=_tower_options(config["image"], config),
        text_options=_tower_options(text, config),
    )


def _tower_options(tower_config, config):
    pooling = tower_config.get("classifier", tower_config.get("pool_type"))
    options = {"pooling": _POOLINGS[pooling]}
    if "num_attention_heads" in tower_config:  # BERT's tensors do not tell
        options["num_heads"] = tower_config["num_attention_heads"]
    if "res" in config and tower_config is config["image"]:
        options["image_shape"] = (config["res"], config["res"], 3)
    if "image_hw" in config:
        options["image_shape"] = (*config["image_hw"], 3)
    return options


def _architecture(model):
    """Returns the config of a model without the names of its parts."""

    def without_names(config):
        if isinstance(config, dict):
            items = config.items()
            return {key: without_names(value) for key, value in items if key != "name"}
        if isinstance(config, list | tuple):
            return [without_names(value) for value in config]
        return config

    return json.dumps(without_names(model.get_config()), sort_keys=True)


def _outputs_function(model):
    if not hasattr(model, "head"):
        return _tower_outputs_function(model)
    compute_image_outputs = _tower_outputs_function(model.image_tower)
    compute_text_outputs = _tower_outputs_function(model.text_tower)

    def compute(inputs):
        outputs = {}
        for name, computed in (
            ("img", compute_image_outputs({"images": inputs["images"]})),
            ("txt", compute_text_outputs({"tokens": inputs["tokens"]})),
        ):
            unnormalised = computed["logits"]
            outputs |= {
                f"z{name}": computed["embeddings"],
                f"{name}_pre_logits": computed["pre_logits"],
                f"{name}_logits": unnormalised,
                f"{name}_norm": np.linalg.norm(unnormalised, axis=-1, keepdims=True),
                f"{name}_transformed": computed["encoded"],
            }
        logits = model.head(outputs["zimg"], outputs["ztxt"])
        outputs["logits"] = keras.ops.convert_to_numpy(logits)
        log_temperature = keras.ops.convert_to_numpy(model.head.log_temperature.value)
        outputs["t_parameter"] = log_temperature.reshape(1)
        outputs["t"] = np.exp(outputs["t_parameter"])
        if model.head.logit_bias is not None:
            outputs["b"] = keras.ops.convert_to_numpy(model.head.logit_bias.value).reshape(1)
        return outputs

    return compute


def _tower_outputs_function(tower):
    backbone, pooling = tower.backbone, tower.pooling
    features = backbone.output
    represent = keras.layers.Identity()
    if isinstance(pooling, TanhRepresentation):
        pooling, represent = pooling.pooling, pooling.dense
    pooled = pooling(features)
    outputs = {
        "encoded": features,
        "pooled": pooled,
        "pre_logits": represent(pooled),
        "embeddings": tower(backbone.input),
    }
    outputs["logits"] = outputs["pre_logits"]  # the original's name where there is no head
    grid = _patch_grid(backbone)
    if tower.projection is not None:
        outputs["logits"] = tower.projection(outputs["pre_logits"])
        if grid:
            patches = features[:, -grid[0] * grid[1] :]
            patches = keras.ops.reshape(patches, (-1, *grid, features.shape[-1]))
            outputs["logits_2d"] = tower.projection(represent(patches))
    if isinstance(backbone, BiTBackbone | ResNetBackbone):
        outputs["stem"] = backbone.get_layer("root_pool").output
    if isinstance(backbone, BiTBackbone):
        outputs["norm_pre_head"] = backbone.get_layer("encoder_norm").output
    model = keras.Model(backbone.input, outputs)

    def compute(inputs):
        computed = model.predict_on_batch(inputs["tokens" if "tokens" in inputs else "images"])
        # The original has several names for the same thing.
        for alias, name in {
            "head_input": "pooled",
            "transformed": "encoded",
            "pre_logits_2d": "encoded",
        }.items():
            computed[alias] = computed[name]
        return computed

    return compute


def _patch_grid(backbone):
    if not hasattr(backbone, "patch_size"):
        return None
    sizes = zip(backbone.image_shape[:2], backbone.patch_size, strict=True)
    return tuple(image // patch for image, patch in sizes)
