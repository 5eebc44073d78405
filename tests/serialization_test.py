"""Every class registered by keras_lit: its config is its constructor, and brings it back."""

import copy
import inspect
import pkgutil

import keras
import keras_hub
import pytest

import keras_lit
from tests import tiny
from tests.reference import reference_root

for module in pkgutil.walk_packages(keras_lit.__path__, "keras_lit."):
    if not module.name.startswith(("keras_lit.cli", "keras_lit.demo", "keras_lit.distribution")):
        __import__(module.name)

REGISTERED = {
    name: cls
    for name, cls in keras.saving.get_custom_objects().items()
    if name.startswith("keras_lit>") and inspect.isclass(cls)
}
PIECES = ["[PAD]", "[UNK]", "[CLS]", "a", "dog"]
TRANSFORMER = {"hidden_dim": 8, "num_layers": 1, "num_heads": 2, "mlp_dim": 16}
IMAGE_SHAPE = (32, 32, 3)


def hybrid(cls):
    backbones = keras_lit.backbones
    resnet = backbones.ResNetBackbone((1,), width_factor=0.5, image_shape=IMAGE_SHAPE)
    vit = backbones.ViTBackbone(tuple(resnet.output.shape[1:]), 1, **TRANSFORMER)
    return cls(resnet, vit, name="hybrid")


def encoder(cls):
    size = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
    t5 = keras_hub.models.T5Backbone(vocabulary_size=20, **size)
    return cls(t5, name="encoder")


def sentence_piece(cls):
    model = (reference_root() / "sentencepiece" / "sp.model").read_bytes()
    return cls(model, sequence_length=8, pad_token_id=1, lowercase=True)


# How to build one of each; arguments differ from the defaults, so that a lost one shows.
EXAMPLES = {
    "AttentionPooling": lambda cls: cls(num_heads=2, mlp_dim=8, name="pool"),
    "ClassTokenPooling": lambda cls: cls(name="pool"),
    "LastTokenPooling": lambda cls: cls(name="pool"),
    "MaxPooling": lambda cls: cls(name="pool"),
    "MeanPooling": lambda cls: cls(name="pool"),
    "TanhRepresentation": lambda cls: cls("mean", units=5, name="representation"),
    "BiTConv2D": lambda cls: cls(4, 3, strides=2, name="conv"),
    "ResNetConv2D": lambda cls: cls(4, 3, strides=2, name="conv"),
    "ClassToken": lambda cls: cls(name="class_token"),
    "LearnedPositions": lambda cls: cls(name="positions"),
    "SinCosPositions": lambda cls: cls((2, 3), name="positions"),
    "PatchEmbedding": lambda cls: cls(8, (4, 2), name="patches"),
    "MLPBlock": lambda cls: cls(16, name="mlp"),
    "MixerBlock": lambda cls: cls(4, 16, name="block"),
    "SelfAttention": lambda cls: cls(2, name="attention"),
    "TransformerBlock": lambda cls: cls(2, 16, name="block"),
    "BertTextBackbone": lambda cls: cls(20, max_length=6, dropout=0.2, name="bert", **TRANSFORMER),
    "BiTBackbone": lambda cls: cls((1,), width_factor=0.5, image_shape=IMAGE_SHAPE, name="bit"),
    "EncoderBackbone": encoder,
    "HybridBackbone": hybrid,
    "MixerBackbone": lambda cls: cls(IMAGE_SHAPE, 16, 8, 1, 4, 16, name="mixer"),
    "ResNetBackbone": lambda cls: cls((1,), width_factor=0.5, image_shape=IMAGE_SHAPE, name="net"),
    "TextTransformerBackbone": lambda cls: cls(20, 6, name="text", **TRANSFORMER),
    "ViTBackbone": lambda cls: cls(IMAGE_SHAPE, 16, name="vit", **TRANSFORMER),
    "StretchResize": lambda cls: cls(32, antialias=True),
    "SmallerSideResize": lambda cls: cls(32, antialias=True),
    "ImageConverter": lambda cls: cls(
        image_size=32, resize=keras_lit.preprocessing.SmallerSideResize(40), name="converter"
    ),
    "WordPieceTokenizer": lambda cls: cls(PIECES, sequence_length=8, name="tokenizer"),
    "SentencePieceTokenizer": sentence_piece,
    "LiTPreprocessor": lambda cls: cls(
        keras_lit.preprocessing.ImageConverter(image_size=32),
        keras_lit.preprocessing.WordPieceTokenizer(PIECES, sequence_length=None),
        sequence_length=7,
    ),
    "SimilarityHead": lambda cls: cls(temperature=5.0, bias=-3.0, name="similarity"),
    "SoftmaxContrastiveLoss": lambda cls: cls(16, label_smoothing=0.1, name="softmax"),
    "SigmoidContrastiveLoss": lambda cls: cls(16, label_smoothing=0.1, name="sigmoid"),
    "LocalSoftmaxContrastiveLoss": lambda cls: cls(4, label_smoothing=0.1, name="local"),
    "CosineSchedule": lambda cls: cls(0.1, 9, warmup_steps=2, cooldown_steps=3),
    "LinearSchedule": lambda cls: cls(0.1, 9, warmup_steps=2, cooldown_steps=3),
    "RsqrtSchedule": lambda cls: cls(0.1, 9, 2, cooldown_steps=3, timescale=4, shift=1),
    "LiTAdamW": lambda cls: cls(
        keras_lit.optimizers.CosineSchedule(0.1, 9), 0.2, beta_1=0.8, epsilon=0.1, use_ema=True
    ),
    "LiTAdafactor": lambda cls: cls(
        0.5, 0.2, None, min_dim_size_to_factor=8, momentum=0.8, momentum_dtype="float32"
    ),
    "Lock": lambda cls: cls(2, keep=("norms", "a/*"), only=("b/*",)),
    "Tower": lambda cls: cls(
        tiny.image_backbone(), "mean", 6, name="tower", lock=keras_lit.tuning.Lock(keep="head")
    ),
    "LiTModel": lambda cls: tiny.lit_model(tuning="uL", name="lit"),
}


# keras-hub's T5 drops the mask of Keras, and passes its own.
@pytest.mark.filterwarnings("ignore:Layer .* was passed an input with a mask")
@pytest.mark.parametrize("name", sorted(REGISTERED))
def test_config_is_the_constructor_and_brings_the_object_back(name):
    cls = REGISTERED[name]
    short = name.removeprefix("keras_lit>")
    assert short == cls.__name__
    assert short in EXAMPLES, f"{name} is registered: add an example of it to this test"
    example = EXAMPLES[short](cls)
    config = example.get_config()
    parameters = inspect.signature(cls.__init__).parameters
    named = set(parameters) - {"self", "kwargs"}
    assert named <= set(config), f"get_config() of {name} lacks {named - set(config)}"
    if "kwargs" not in parameters:
        assert set(config) <= named, f"get_config() of {name} adds {set(config) - named}"
    serialized = keras.saving.serialize_keras_object(example)
    restored = keras.saving.deserialize_keras_object(copy.deepcopy(serialized))
    assert type(restored) is cls
    assert keras.saving.serialize_keras_object(restored) == serialized
