"""Name of a published benchmark -> its data, preprocessing, classes, templates and figures.

`keras_lit.evaluation.benchmarks["imagenet_v2"]` is a `ZeroShotBenchmark`,
`keras_lit.evaluation.benchmarks["coco_captions"]` a `RetrievalBenchmark`.
"""

from keras_lit.evaluation.benchmark import (
    RetrievalBenchmark,
    ZeroShotBenchmark,
    benchmark_file,
)
from keras_lit.evaluation.benchmark_sources import (
    CaptionFileSource,
    ClassFoldersSource,
    TFDSSource,
    read_caption_lines,
    read_crossmodal_captions,
)
from keras_lit.evaluation.prompts import verbatim_texts


def stretch_and_crop(image_size):
    """`resize(256)|central_crop(224)` of the original, for any size of the towers' images."""
    from keras_lit.preprocessing import StretchResize

    return StretchResize(int(image_size / 0.875))


def smaller_side_and_crop(image_size):
    """`resize_small(298)|central_crop(224)` of the original, for any size of images."""
    from keras_lit.preprocessing import SmallerSideResize

    return SmallerSideResize(int(image_size / 0.75), interpolation="area")


def get_benchmark(name):
    """Returns a benchmark by its name, or by the beginning of it where only one begins so.

    Args:
        name: string, e.g. `"imagenet_v2"` or `"coco"`.

    Raises:
        ValueError: for an unknown or ambiguous name; the message lists all.

    Example:

    >>> get_benchmark("coco").title
    'COCO captions, Karpathy test split'
    """
    found = [benchmark for key, benchmark in benchmarks.items() if key.startswith(name) and name]
    if name in benchmarks or len(found) == 1:
        return benchmarks.get(name) or found[0]
    problem = "Ambiguous" if found else "Unknown"
    raise ValueError(f"{problem} benchmark {name!r}. Known are: {', '.join(sorted(benchmarks))}.")


def _imagenet(name, title, builder, split, **fields):
    return ZeroShotBenchmark(name, title, TFDSSource(builder, split), **fields)


def _emojis(target, select):
    return TFDSSource("emoji_captions/salt_f", "test", target, select)


def _is_line_drawing(example):
    return example["is_base"] & (example["style"] == 2)


def _emoji_group(example):
    from keras_lit.data.emoji_groups import coarse_group_index

    return coarse_group_index(example["subgroup"])


def _group_texts(class_names, templates):
    from keras_lit.data.emoji_groups import GROUP_PROMPTS

    return [list(GROUP_PROMPTS[name]) for name in class_names]


_CROSSMODAL = (
    "Crossmodal-3600 (CC-BY-4.0): unpack https://google.github.io/crossmodal-3600/web-data/"
    "captions.zip there, and https://open-images-dataset.s3.amazonaws.com/crossmodal-3600/"
    "images.tgz into its folder 'images'."
)
_CROSSMODAL_LANGUAGES = (
    "ar bn cs da de el en es fa fi fil fr he hi hr hu id it ja ko mi nl no pl pt quz ro ru sv sw "
    "te th tr uk vi zh"
).split()
_OBJECTNET = (
    "ObjectNet may not be fetched by programs: download objectnet-1.0.zip from "
    "https://objectnet.dev/download.html, whose terms you must keep, and unpack it "
    "there."
)
_FLICKR30K = (
    "Flickr30k's pictures are given on request, see https://shannon.cs.illinois.edu/DenotationGraph;"
    " put the .jpg files there, and beside them flickr30k_test_karpathy.txt from https://github.com"
    "/mehdidc/retrieval_annotations/releases/tag/1.0.0."
)

_ENTRIES = [
    _imagenet("imagenet", "ImageNet", "imagenet2012", "validation"),
    _imagenet("imagenet_v2", "ImageNet-V2", "imagenet_v2/matched-frequency", "test"),
    _imagenet(
        "imagenet_a",
        "ImageNet-A",
        "imagenet_a",
        "test",
        classes="imagenet_a",
        resize=smaller_side_and_crop,
    ),
    _imagenet(
        "imagenet_r",
        "ImageNet-R",
        "imagenet_r",
        "test",
        classes="imagenet_r",
        resize=stretch_and_crop,
    ),
    ZeroShotBenchmark(
        "imagenet_real",
        "ImageNet with ReaL labels",
        TFDSSource("imagenet2012_real", "validation", target="real_label"),
        resize=stretch_and_crop,
    ),
    ZeroShotBenchmark(
        "objectnet",
        "ObjectNet, the 113 classes shared with ImageNet",
        ClassFoldersSource(
            "objectnet-1.0/images", tuple(benchmark_file("objectnet")["classes"]), 2, _OBJECTNET
        ),
        classes="objectnet",
    ),
    *(
        ZeroShotBenchmark(name, title, TFDSSource(builder, "test"), None, classes, templates)
        for name, title, builder, classes, templates in (
            ("cifar10", "CIFAR-10", "cifar10", "cifar10", "cifar"),
            ("cifar100", "CIFAR-100", "cifar100", "cifar100", "clip_paper"),
            (
                "oxford_iiit_pet",
                "Oxford-IIIT Pets",
                "oxford_iiit_pet",
                "oxford_iiit_pet",
                "clip_paper",
            ),
            ("caltech101", "Caltech-101", "caltech101", "caltech101", "caltech101"),
            ("dtd", "Describable Textures", "dtd", "dtd", "dtd"),
            ("flowers102", "Oxford Flowers 102", "oxford_flowers102", "flowers102", "flowers102"),
            ("svhn", "Street View House Numbers", "svhn_cropped", "svhn", "svhn"),
            ("sun397", "SUN397", "sun397/tfds", "sun397", "sun397"),
        )
    ),
    *(
        ZeroShotBenchmark(name, title, TFDSSource(builder, split), None, name, name)
        for name, title, builder, split in (
            ("resisc45", "RESISC45", "resisc45", "train"),
            ("eurosat", "EuroSAT", "eurosat/rgb", "train"),
            ("food101", "Food-101", "food101", "validation"),
        )
    ),
    *(
        ZeroShotBenchmark(
            f"imagenet_{code}",
            f"ImageNet, class names in {language}",
            TFDSSource("imagenet2012", "validation"),
            None,
            f"imagenet_{code}",
            f"imagenet_{code}",
            verbatim_texts,
        )
        for code, language in (
            ("ar", "Arabic"),
            ("it", "Italian"),
            ("ja", "Japanese"),
            ("zh", "Chinese"),
        )
    ),
    RetrievalBenchmark(
        "coco_captions",
        "COCO captions, Karpathy test split",
        TFDSSource("coco_captions/2014", "test", target="captions/text"),
    ),
    RetrievalBenchmark(
        "flickr30k",
        "Flickr30k, Karpathy test split",
        CaptionFileSource(
            "flickr30k", read_caption_lines("flickr30k_test_karpathy.txt"), _FLICKR30K
        ),
    ),
    *(
        RetrievalBenchmark(
            f"crossmodal3600_{code}",
            f"Crossmodal-3600, {code}",
            CaptionFileSource("crossmodal3600", read_crossmodal_captions(code), _CROSSMODAL),
        )
        for code in _CROSSMODAL_LANGUAGES
    ),
    RetrievalBenchmark(
        "emoji_names",
        "Names of unseen emojis and their line drawings",
        _emojis("names", _is_line_drawing),
    ),
    ZeroShotBenchmark(
        "emoji_groups",
        "Groups of unseen emojis, line drawings",
        _emojis(
            _emoji_group, lambda example: _is_line_drawing(example) & (_emoji_group(example) >= 0)
        ),
        None,
        "emoji_groups",
        "class_name_only",
        _group_texts,
    ),
]

benchmarks = {entry.name: entry for entry in _ENTRIES}
