"""The table of published presets: LiT, AugReg ViT, MLP-Mixer, BiT, SigLIP and SigLIP 2.

File names, sizes and accuracies are those that the releases state: the READMEs of
https://github.com/google-research/vision_transformer, big_transfer and big_vision, and the SigLIP
notebooks of the last. None of them states checksums.
"""

from keras_lit.backbones.sizes import MIXER_SIZES, TRANSFORMER_SIZES
from keras_lit.presets.registry import (
    ImageTower,
    Preset,
    RemoteFile,
    TextTower,
    Vocabulary,
    add_presets,
)


def _width(variant):
    """`"R50+L/32"` -> width of a ViT-L."""
    return TRANSFORMER_SIZES[variant.rpartition("+")[2].partition("/")[0]]["hidden_dim"]


def _name(variant):
    """`"R50+L/32"` -> `"r50_l32"`."""
    return variant.lower().replace("/", "").replace("+", "_").replace("-", "")


def _lit(name, image_tower, text_tower, num_parameters, zero_shot=None):
    ending = "txt" if text_tower.family == "BERT" else "model"
    return Preset(
        name=name.lower().replace("-", "_"),
        weights=RemoteFile(f"vit_models/lit/{name}.npz"),
        image_tower=image_tower,
        text_tower=text_tower,
        vocabulary=Vocabulary(RemoteFile(f"vit_models/lit/{name}.{ending}")),
        num_parameters=num_parameters,
        embedding_dim=text_tower.projection_dim,
        zero_shot=zero_shot,
    )


_BERT_BASE = TextTower("BERT", "base", vocabulary_size=30_522, projection_dim=768)
_BERT_LARGE = TextTower("BERT", "large", vocabulary_size=30_522, projection_dim=1024)
_TEXT_S = TextTower("text transformer", "S", vocabulary_size=16_000, projection_dim=1024)
_TEXT_TI = TextTower("text transformer", "Ti", vocabulary_size=16_000, projection_dim=1024)
_VIT_B, _VIT_L = ImageTower("ViT", "B/16"), ImageTower("ViT", "L/16")
_VIT_B_WITH_HEAD = ImageTower("ViT", "B/16", projection_dim=768)

add_presets(
    [
        _lit("LiT-B16B", _VIT_B_WITH_HEAD, _BERT_BASE, 195_871_489, zero_shot=72.1),
        _lit("LiT-B16B_2", _VIT_B, _BERT_BASE, 195_280_897, zero_shot=73.9),
        _lit("LiT-L16L", _VIT_L, _BERT_LARGE, 638_443_521, zero_shot=75.7),
        _lit("LiT-L16S", _VIT_L, _TEXT_S, 331_140_353),
        _lit("LiT-L16Ti", _VIT_L, _TEXT_TI, 311_913_089),
    ]
)


def _augreg(variant, resolution, path, size, num_parameters):
    return Preset(
        name=f"vit_{_name(variant)}_augreg_i21k" + ("_i1k_384" if resolution == 384 else ""),
        weights=RemoteFile(f"vit_models/augreg/{path}.npz", size),
        image_tower=ImageTower("hybrid" if "+" in variant else "ViT", variant, resolution),
        num_parameters=num_parameters,
        embedding_dim=_width(variant),
    )


# The recommended checkpoint of each size, pretrained on ImageNet-21k, and the same fine-tuned on
# ImageNet: variant -> settings of both, size of the first file, numbers of parameters.
for _variant, (_settings, _rate, _size, _count, _count_384) in {
    "Ti/16": ("aug_none-wd_0.03-do_0.0-sd_0.0", 0.03, "37 MiB", 5_524_416, 5_597_376),
    "S/32": ("aug_none-wd_0.1-do_0.0-sd_0.0", 0.01, "118 MiB", 22_493_952, 22_530_432),
    "S/16": ("aug_light1-wd_0.03-do_0.0-sd_0.0", 0.03, "115 MiB", 21_665_664, 21_811_584),
    "B/32": ("aug_light1-wd_0.1-do_0.0-sd_0.0", 0.01, "398 MiB", 87_455_232, 87_528_192),
    "B/16": ("aug_medium1-wd_0.1-do_0.0-sd_0.0", 0.03, "391 MiB", 85_798_656, 86_090_496),
    "B/8": ("aug_medium2-wd_0.1-do_0.0-sd_0.0", None, None, 85_807_872, None),
    "L/16": ("aug_strong1-wd_0.1-do_0.0-sd_0.0", 0.01, "1243 MiB", 303_301_632, 303_690_752),
    "R+Ti/16": ("aug_none-wd_0.03-do_0.0-sd_0.0", 0.03, "40 MiB", 6_144_704, 6_162_944),
    "R26+S/32": ("aug_light1-wd_0.1-do_0.0-sd_0.0", 0.03, "170 MiB", 36_046_912, 36_083_392),
    "R50+L/32": ("aug_medium1-wd_0.1-do_0.1-sd_0.1", 0.01, "1337 MiB", 327_969_856, 328_067_136),
}.items():
    _stem = f"{_variant.replace('+', '_').replace('/', '_')}-i21k-300ep-lr_0.001-{_settings}"
    _fine_tuned = f"{_stem}--imagenet2012-steps_20k-lr_{_rate}-res_384"
    add_presets([_augreg(_variant, 224, _stem, _size, _count)])
    if _rate is not None:
        add_presets([_augreg(_variant, 384, _fine_tuned, None, _count_384)])


def _mixer(size, data, num_parameters):
    folder = {"i1k": "imagenet1k", "i21k": "imagenet21k"}[data]
    return Preset(
        name=f"mixer_{size.lower()}16_{data}",
        weights=RemoteFile(f"mixer_models/{folder}/Mixer-{size}_16.npz"),
        image_tower=ImageTower("MLP-Mixer", f"{size}/16", pooling="mean"),
        num_parameters=num_parameters,
        embedding_dim=MIXER_SIZES[size]["hidden_dim"],
    )


add_presets(
    [
        _mixer(size, data, count)
        for size, count in (("B", 59_111_472), ("L", 207_171_168))
        for data in ("i21k", "i1k")
    ]
)


def _bit(name, file_name, variant, num_parameters, resolution=224):
    return Preset(
        name=f"bit_{name}",
        weights=RemoteFile(f"bit_models/{file_name}.npz"),
        image_tower=ImageTower("BiT", variant, resolution, pooling="mean"),
        num_parameters=num_parameters,
        embedding_dim=2048 * int(variant.partition("x")[2]),
    )


# S was trained on ImageNet, M on ImageNet-21k; "_i1k" is M fine-tuned on ImageNet.
for _variant, _count in {
    "R50x1": 23_500_352,
    "R50x3": 211_174_080,
    "R101x1": 42_492_480,
    "R101x3": 381_789_888,
    "R152x2": 232_238_208,
    "R152x4": 928_340_224,
}.items():
    _lower, _kinds = _variant.lower(), ("M", "S") if _variant != "R152x2" else ("M",)
    add_presets(
        [_bit(f"{k.lower()}_{_lower}", f"BiT-{k}-{_variant}", _variant, _count) for k in _kinds]
    )
    add_presets(
        [_bit(f"m_{_lower}_i1k", f"BiT-M-{_variant}-ILSVRC2012", _variant, _count, resolution=480)]
    )
add_presets(
    [
        _bit("r50x1_distilled_i1k", "distill/R50x1_224", "R50x1", 23_500_352),
        _bit("r50x1_distilled_i1k_160", "distill/R50x1_160", "R50x1", 23_500_352, resolution=160),
    ]
)


# big_vision's `tokenize(eos="sticky", pad_value=1)`, and `lower(...)|tok(eos="sticky")`.
_ENGLISH = Vocabulary(
    RemoteFile("t5-data/vocabs/cc_en.32000/sentencepiece.model"),
    options=(("lowercase", True), ("pad_token_id", 1)),
)
_MULTILINGUAL = Vocabulary(
    RemoteFile("t5-data/vocabs/mc4.250000.100extra/sentencepiece.model"),
    options=(("lowercase", True), ("pad_token_id", 1)),
    num_unused=100,
)
_GEMMA = Vocabulary(
    RemoteFile("big_vision/gemma_tokenizer.model"),
    options=(("lowercase", True), ("pad_token_id", 0), ("end_piece", "<eos>")),
)
_VOCABULARY_SIZES = {_ENGLISH: 32_000, _MULTILINGUAL: 250_000, _GEMMA: 256_000}


def _siglip(path, variant, resolution, vocabulary, num_parameters, max_length=64, zero_shot=None):
    generation = path.partition("/")[0]
    many_languages = "_i18n" if vocabulary is _MULTILINGUAL else ""
    text_size = variant.partition("/")[0].replace("g-opt", "So400m")
    return Preset(
        name=f"{generation}_{_name(variant)}_{resolution}{many_languages}",
        weights=RemoteFile(f"big_vision/{path}.npz"),
        image_tower=ImageTower("ViT", variant, resolution, pooling="attention"),
        text_tower=TextTower(
            "text transformer",
            text_size,
            _VOCABULARY_SIZES[vocabulary],
            projection_dim=_width(variant),
            max_length=max_length,
        ),
        vocabulary=vocabulary,
        num_parameters=num_parameters,
        embedding_dim=_width(variant),
        has_bias=True,
        zero_shot=zero_shot,
    )


add_presets(
    [
        _siglip("siglip/webli_en_b16_224_63724782", "B/16", 224, _ENGLISH, 203_155_970),
        _siglip("siglip/webli_en_b16_256_60500360", "B/16", 256, _ENGLISH, 203_202_050),
        _siglip("siglip/webli_en_b16_384_68578854", "B/16", 384, _ENGLISH, 203_447_810),
        _siglip("siglip/webli_en_b16_512_68580893", "B/16", 512, _ENGLISH, 203_791_874),
        _siglip("siglip/webli_en_l16_256_60552751", "L/16", 256, _ENGLISH, 652_150_786),
        _siglip("siglip/webli_en_l16_384_63634585", "L/16", 384, _ENGLISH, 652_478_466),
        _siglip("siglip/webli_en_so400m_224_57633886", "So400m/14", 224, _ENGLISH, 877_360_306, 16),
        _siglip("siglip/webli_en_so400m_384_58765454", "So400m/14", 384, _ENGLISH, 877_960_498),
        _siglip("siglip/webli_i18n_b16_256_66117334", "B/16", 256, _MULTILINGUAL, 370_626_050),
        _siglip(
            "siglip/webli_i18n_so400m_16_256_78061115",
            "So400m/16",
            256,
            _MULTILINGUAL,
            1_128_758_962,
        ),
    ]
)
# variant -> (resolution, number of parameters, reported zero-shot accuracy)
for _variant, _rows in {
    "B/32": ((256, 376_856_066, 74.0),),
    "B/16": (
        (224, 375_187_970, 78.2),
        (256, 375_234_050, 79.1),
        (384, 375_479_810, 80.6),
        (512, 375_823_874, 81.2),
    ),
    "L/16": ((256, 881_526_786, 82.5), (384, 881_854_466, 83.1), (512, 882_313_218, 83.5)),
    "So400m/14": ((224, 1_135_463_602, 83.2), (384, 1_136_008_498, 84.1)),
    "So400m/16": (
        (256, 1_135_670_962, 83.4),
        (384, 1_136_039_602, 84.1),
        (512, 1_136_555_698, 84.3),
    ),
    "g-opt/16": ((256, 1_871_393_906, 84.5), (384, 1_871_885_426, 85.0)),
}.items():
    _stem = f"siglip2/siglip2_{_variant.lower().replace('/', '')}"
    add_presets(
        [
            _siglip(f"{_stem}_{res}", _variant, res, _GEMMA, count, zero_shot=accuracy)
            for res, count, accuracy in _rows
        ]
    )
