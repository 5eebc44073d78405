"""Settings -> a compiled `LiTModel`: towers, head, loss, optimizer, schedule."""

import keras_hub

import keras_lit
from keras_lit import losses, optimizers
from keras_lit.preprocessing import ImageConverter, WordPieceTokenizer, vocabulary_from_captions
from keras_lit.presets import text_tower as text_tower_of_name
from keras_lit.whole_files import whole_file


def build(module, settings, **arguments):
    """Returns the object of `{"name": class, argument: value, ...}`.

    Args:
        module: Where the class is looked up, e.g. `keras_lit.losses`.
        settings: Dict.
        **arguments: Further arguments.

    Raises:
        ValueError: If the module has no such class.
    """
    arguments = {**settings, **arguments}
    name = arguments.pop("name")
    if not hasattr(module, name):
        raise ValueError(f"`name` must be a class of {module.__name__}. Received: {name!r}.")
    return getattr(module, name)(**arguments)


def build_model(config, source, vocabulary_path):
    """Builds the model of a training, with pretrained weights where the two letters say so.

    Args:
        config: Dict of settings.
        source: `keras_lit.data.Source`, from whose captions a vocabulary is learned if the text
            tower needs one and the settings name none.
        vocabulary_path: `pathlib.Path` where that vocabulary is kept.

    Returns:
        `keras_lit.LiTModel`, not compiled.
    """
    image_letter, text_letter = config["tuning"]
    image_tower = _image_tower(**config["image_tower"], load_weights=image_letter != "u")
    text = dict(config["text_tower"])
    if "vocabulary_size" in text:
        vocabulary_size = text.pop("vocabulary_size")
        if text["vocabulary"] is None:
            text["vocabulary"] = _learn_vocabulary(source, vocabulary_size, vocabulary_path)
    if "name" in text:
        text_tower, tokenizer = text_tower_of_name(
            **text, projection_dim=image_tower.embedding_dim, load_weights=text_letter != "u"
        )
    else:
        text_tower, tokenizer = _new_text_tower(**text, projection_dim=image_tower.embedding_dim)
    height, width = image_tower.backbone.input.shape[1:3]
    return keras_lit.LiTModel(
        image_tower,
        text_tower,
        keras_lit.LiTPreprocessor(
            ImageConverter((height, width)), tokenizer, sequence_length=text["sequence_length"]
        ),
        tuning=config["tuning"],
        head=keras_lit.layers.SimilarityHead(**config["head"]),
    )


def compile_model(model, config):
    """Compiles with the optimizer, schedule and loss of the settings."""
    schedule = build(optimizers, config["schedule"], total_steps=config["num_steps"])
    model.compile(
        optimizer=build(optimizers, config["optimizer"], learning_rate=schedule),
        loss=build(losses, config["loss"]),
        micro_batch_size=config["micro_batch_size"],
    )


def _image_tower(load_weights, tower=None, backbone=None, pooling=None, dtype=None):
    """Returns the image tower of a preset.

    Of a `tower`, a preset of this package, all is known; of a `backbone`, a preset of keras-hub,
    the pooling has to be said.
    """
    if tower is not None:
        return keras_lit.Tower.from_preset(tower, load_weights, dtype=dtype)
    return keras_lit.Tower(
        keras_hub.models.Backbone.from_preset(backbone, load_weights=load_weights, dtype=dtype),
        pooling,
        name="image_tower",
    )


def _new_text_tower(vocabulary, sequence_length, projection_dim, **sizes):
    """Returns a text tower of a size that has no name, and its tokenizer."""
    tokenizer = WordPieceTokenizer(str(vocabulary), sequence_length)
    backbone = keras_lit.backbones.TextTransformerBackbone(
        tokenizer.vocabulary_size(), sequence_length, **sizes
    )
    tower = keras_lit.Tower(backbone, "class_token", projection_dim, name="text_tower")
    tower.mark_random()
    return tower, tokenizer


def _learn_vocabulary(source, vocabulary_size, path):
    """Learns a vocabulary from all captions, where that has not been done, and returns its path."""
    if not path.exists():
        vocabulary = vocabulary_from_captions(source.captions(), vocabulary_size)
        with whole_file(path) as file:
            file.write("\n".join(vocabulary).encode())
    return path
