"""Tensors of an original checkpoint -> a model of the same architecture, with new weights."""

import math
import re

from keras_lit.backbones import (
    BertTextBackbone,
    BiTBackbone,
    HybridBackbone,
    MixerBackbone,
    ResNetBackbone,
    TextTransformerBackbone,
    ViTBackbone,
)
from keras_lit.checkpoints.tensors import CheckpointError, subtree
from keras_lit.layers import AttentionPooling, SimilarityHead, TanhRepresentation
from keras_lit.lit_model import LiTModel
from keras_lit.towers import Tower


def build_lit_model(tensors, image_options=None, text_options=None):
    """Builds the two towers and the head of a LiT or SigLIP checkpoint.

    Args:
        tensors: mapping name -> `Tensor` under the current names, as `open_checkpoint` returns.
        image_options: dict of arguments of `build_tower` for the image tower.
        text_options: dict of arguments of `build_tower` for the text tower.

    Returns:
        A `LiTModel` with new weights.

    Raises:
        CheckpointError: a tower is missing or of an unknown kind.
    """
    for prefix, kind in (("img/", "image"), ("txt/", "text")):
        if not subtree(tensors, prefix):
            raise CheckpointError(
                f"The checkpoint holds no {kind} tower (no names under {prefix}). Build a single "
                "tower with `build_tower`."
            )
    return LiTModel(
        image_tower=build_tower(subtree(tensors, "img/"), name="image", **(image_options or {})),
        text_tower=build_tower(subtree(tensors, "txt/"), name="text", **(text_options or {})),
        head=SimilarityHead(bias=-10.0 if "b" in tensors else None),
    )


def build_tower(tensors, image_shape=None, pooling=None, num_heads=None, name=None):
    """Builds the tower whose tensors these are; sizes are read from their shapes.

    Args:
        tensors: mapping name -> `Tensor` under the current names, as `open_checkpoint` returns.
        image_shape: (height, width, channels); needed where the checkpoint does not tell: sin-cos
            positions and images that are not square. `None`: as in the checkpoint, or 224 x 224
            for ResNets, which take any size.
        pooling: as for `Tower`; `None`: attention where the checkpoint has it, else what the
            original uses most: the class token where there is one, the last token for text
            transformers, the mean for the others.
        num_heads: int. Needed for BERT where it is not one head per 64 channels, since its
            tensors do not tell.
        name: string. Name of the tower.

    Returns:
        A `Tower` with new weights. A head in the checkpoint becomes its projection.

    Raises:
        CheckpointError: the tensors are of no known architecture.

    Example:

    ```python
    from keras_lit.backbones import TextTransformerBackbone
    from keras_lit.checkpoints import build_tower, export, open_checkpoint

    backbone = TextTransformerBackbone(
        vocabulary_size=50, max_length=4, hidden_dim=8, num_layers=1, num_heads=2, mlp_dim=16
    )
    build_tower(open_checkpoint(dict(export(backbone))).tensors)
    ```
    """
    shapes = {tensor_name: tensor.shape for tensor_name, tensor in tensors.items()}
    if "BertEncoder_0/layer_norm/scale" in shapes:
        backbone, default_pooling = _bert(shapes, num_heads), "class_token"
    elif "Embed_0/embedding" in shapes:
        backbone, default_pooling = _text_transformer(shapes), "last_token"
    elif "stem/kernel" in shapes:
        backbone, default_pooling = _mixer(shapes, image_shape), "mean"
    elif "root_block/conv_root/kernel" in shapes:
        root = shapes["root_block/conv_root/kernel"]
        backbone, default_pooling = _resnet(BiTBackbone, shapes, root, image_shape), "mean"
    elif "conv_root/kernel" in shapes:
        resnet = _resnet(ResNetBackbone, shapes, shapes["conv_root/kernel"], image_shape)
        backbone, default_pooling = resnet, "mean"
        if "embedding/kernel" in shapes:
            backbone = _hybrid(shapes, resnet, image_shape)
            default_pooling = "class_token" if "cls" in shapes else "mean"
    elif "embedding/kernel" in shapes:
        backbone = _vit(shapes, image_shape)
        default_pooling = "class_token" if "cls" in shapes else "mean"
    else:
        raise CheckpointError(
            "The checkpoint is of no known architecture: LiT, ViT, hybrid, MLP-Mixer, BiT, "
            f"ResNet, BERT or text transformer. Its names start with {sorted(shapes)[:5]}."
        )
    pooling = pooling or default_pooling
    if "MAPHead_0/probe" in shapes:
        mlp = shapes["MAPHead_0/MlpBlock_0/Dense_0/kernel"]
        heads = shapes["MAPHead_0/MultiHeadDotProductAttention_0/query/kernel"][1]
        pooling = AttentionPooling(num_heads=heads, mlp_dim=mlp[1], name="pooling")
    if "pre_logits/kernel" in shapes:
        units = shapes["pre_logits/kernel"][1]
        pooling = TanhRepresentation(pooling, units, name="representation")
    head = shapes.get("head/kernel")
    return Tower(backbone, pooling, projection_dim=None if head is None else head[-1], name=name)


def _bert(shapes, num_heads):
    encoder = "BertEncoder_0/"
    vocabulary_size, width = shapes[f"{encoder}embedder/embedders_token_ids/embedding"]
    layers = f"{encoder}encoder_block/layer_sequence/layers"
    return BertTextBackbone(
        vocabulary_size=vocabulary_size,
        hidden_dim=width,
        num_layers=_count(shapes, f"{layers}_"),
        num_heads=num_heads or max(1, width // 64),
        mlp_dim=shapes[f"{layers}_0/mlp_block/mlp/dense_layer/kernel"][1],
        max_length=shapes[f"{encoder}embedder/embedders_position_ids/embedding"][0],
    )


def _text_transformer(shapes):
    vocabulary_size, width = shapes["Embed_0/embedding"]
    return TextTransformerBackbone(
        vocabulary_size=vocabulary_size,
        max_length=shapes["pos_embedding"][1],
        hidden_dim=width,
        **_encoder(shapes, "Encoder_0/"),
    )


def _encoder(shapes, prefix):
    block = f"{prefix}encoderblock_0/"
    return {
        "num_layers": _count(shapes, f"{prefix}encoderblock_"),
        "num_heads": shapes[f"{block}MultiHeadDotProductAttention_0/query/kernel"][1],
        "mlp_dim": shapes[f"{block}MlpBlock_0/Dense_0/kernel"][1],
    }


def _mixer(shapes, image_shape):
    *patch_size, channels, width = shapes["stem/kernel"]
    num_tokens, token_mlp_dim = shapes["MixerBlock_0/token_mixing/Dense_0/kernel"]
    return MixerBackbone(
        image_shape=image_shape or _square_image(num_tokens, patch_size, channels),
        patch_size=patch_size,
        hidden_dim=width,
        num_layers=_count(shapes, "MixerBlock_"),
        token_mlp_dim=token_mlp_dim,
        channel_mlp_dim=shapes["MixerBlock_0/channel_mixing/Dense_0/kernel"][1],
    )


def _resnet(backbone_class, shapes, root, image_shape):
    stages = _count(shapes, "block")
    return backbone_class(
        stage_depths=tuple(_count(shapes, f"block{stage + 1}/unit") for stage in range(stages)),
        width_factor=root[3] / 64,
        image_shape=image_shape or (224, 224, root[2]),
    )


def _hybrid(shapes, resnet, image_shape):
    if image_shape is None and "pos_embedding" in shapes:
        # The ResNet shrinks images by 4, and by 2 more for each stage but the first.
        stride = 4 * 2 ** max(0, len(resnet.stage_depths) - 1)
        height, width, _ = _vit_image_shape(shapes)
        config = resnet.get_config()
        channels = resnet.image_shape[2]
        config["image_shape"] = (stride * height, stride * width, channels)
        resnet = ResNetBackbone.from_config(config)
    vit = _vit(shapes, tuple(resnet.output.shape[1:]))
    return HybridBackbone(resnet, vit)


def _vit(shapes, image_shape):
    image_shape = image_shape or _vit_image_shape(shapes)
    *patch_size, _, width = shapes["embedding/kernel"]
    return ViTBackbone(
        image_shape=image_shape,
        patch_size=patch_size,
        hidden_dim=width,
        **_encoder(shapes, "Transformer/"),
        embeddings=_embeddings(shapes, image_shape, patch_size),
    )


def _embeddings(shapes, image_shape, patch_size):
    token = ("class_token",) if "cls" in shapes else ()
    if "pos_embedding" not in shapes:
        return ("sincos2d", *token)
    num_positions = shapes["pos_embedding"][1]
    num_patches = (image_shape[0] // patch_size[0]) * (image_shape[1] // patch_size[1])
    if num_positions in (num_patches, num_patches + 1):
        has_slot = num_positions > num_patches
    else:  # the positions of another resolution
        has_slot = not _is_square(num_positions)
    return (*token, "learned") if has_slot and token else ("learned", *token)


def _vit_image_shape(shapes):
    *patch_size, channels, _ = shapes["embedding/kernel"]
    if "pos_embedding" not in shapes:
        raise CheckpointError(
            "The checkpoint has no learned positions and so does not tell for what images it is. "
            "Pass image_shape=(height, width, channels)."
        )
    num_positions = shapes["pos_embedding"][1]
    has_slot = not _is_square(num_positions) and _is_square(num_positions - 1)
    return _square_image(num_positions - has_slot, patch_size, channels)


def _square_image(num_patches, patch_size, channels):
    if not _is_square(num_patches):
        raise CheckpointError(
            f"The checkpoint is for {num_patches} patches, which form no square. Pass "
            "image_shape=(height, width, channels)."
        )
    side = math.isqrt(num_patches)
    return (side * patch_size[0], side * patch_size[1], channels)


def _is_square(count):
    return count > 0 and math.isqrt(count) ** 2 == count


def _count(shapes, prefix):
    """Returns how many different numbers follow `prefix` in the names."""
    numbers = (re.match(re.escape(prefix) + r"(\d+)/", name) for name in shapes)
    return len({match[1] for match in numbers if match})
