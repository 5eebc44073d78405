"""Class names x prompts -> texts per second of a zero-shot classifier's weights, over open_clip's.

ImageNet's 1,000 class names in 8 prompts each, tokenised and embedded in batches of 256 by text
towers of the same sizes, and averaged: `ZeroShotClassifier` against open_clip's
`build_zero_shot_classifier`. Weights are random. Both fill rows of `--num_tokens`; open_clip's own
models have rows of 77. Needs `pip install 'keras-lit[benchmark]'`.

Usage: python -m benchmarks.zero_shot [--rounds 5] [--cores 1] [--width 192 --num_layers 6]
"""

import argparse

from benchmarks import measure
from keras_lit.evaluation import benchmarks, prompt_templates

VOCABULARY_SIZE = 49_408  # open_clip's
CLASSES_PER_BATCH = 32
CONTENDERS = {
    "keras_lit on JAX": ("keras_lit", "jax"),
    "keras_lit on TensorFlow": ("keras_lit", "tensorflow"),
    "keras_lit on TensorFlow, `text_tower.jit_compile = True`": ("keras_lit_jit", "tensorflow"),
    "open_clip": ("open_clip", ""),
}


def prompts(num_classes):
    """Returns class names and templates."""
    return benchmarks["imagenet"].class_names[:num_classes], prompt_templates("clip_best")


def our_build(options):
    """Returns a function that builds the classifier with keras_lit."""
    import keras_lit
    from keras_lit.evaluation import ZeroShotClassifier, canonical_texts
    from keras_lit.preprocessing import vocabulary_from_captions

    class_names, templates = prompts(options.num_classes)
    texts = [text for texts in canonical_texts(class_names, templates) for text in texts]
    tokenizer = keras_lit.preprocessing.WordPieceTokenizer(
        vocabulary_from_captions(texts), sequence_length=options.num_tokens
    )
    text_backbone = keras_lit.backbones.TextTransformerBackbone(
        VOCABULARY_SIZE,
        options.num_tokens,
        hidden_dim=options.width,
        num_layers=options.num_layers,
        num_heads=options.width // 64,
        mlp_dim=4 * options.width,
    )
    image_backbone = keras_lit.backbones.ViTBackbone((32, 32, 3), 32, 64, 1, 64, 1)
    model = keras_lit.LiTModel(
        keras_lit.Tower(image_backbone, "mean", projection_dim=options.width),
        keras_lit.Tower(text_backbone, "last_token", projection_dim=options.width),
        preprocessor=keras_lit.LiTPreprocessor(
            keras_lit.preprocessing.ImageConverter(image_size=32), tokenizer
        ),
    )
    if options.work == "keras_lit_jit":
        model.text_tower.jit_compile = True
    batch_size = CLASSES_PER_BATCH * len(templates)
    return lambda: ZeroShotClassifier(model, class_names, templates, batch_size=batch_size)


def open_clip_build(options):
    """Returns a function that builds the classifier with open_clip."""
    import open_clip

    class_names, templates = prompts(options.num_classes)
    text = open_clip.CLIPTextCfg(
        context_length=options.num_tokens,
        vocab_size=VOCABULARY_SIZE,
        width=options.width,
        heads=options.width // 64,
        layers=options.num_layers,
    )
    image = open_clip.CLIPVisionCfg(layers=1, width=64, image_size=32, patch_size=32)
    model = open_clip.CLIP(options.width, image, text).eval()
    tokenizer = open_clip.SimpleTokenizer(context_length=options.num_tokens)
    return lambda: open_clip.build_zero_shot_classifier(
        model, tokenizer, class_names, templates, num_classes_per_batch=CLASSES_PER_BATCH
    )


def compare(num_cores, options):
    """Returns the times of each contender by name."""
    contenders = {}
    for name, (kind, backend) in CONTENDERS.items():
        arguments = ["--work", kind]
        for flag in ("num_classes", "num_tokens", "width", "num_layers"):
            arguments += [f"--{flag}", getattr(options, flag)]
        contenders[name] = measure.Contender(
            "benchmarks.zero_shot", arguments, num_cores, {"KERAS_BACKEND": backend}
        )
    return measure.take_turns(contenders, options.rounds, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cores", type=int, nargs="+", help="1 and all by default")
    parser.add_argument("--num_classes", type=int, default=1000)
    parser.add_argument("--num_tokens", type=int, default=16)
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--num_layers", type=int, default=6)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        measure.limit_cores()
        build = open_clip_build if options.work == "open_clip" else our_build
        measure.serve(build(options), warm_up=1)
        return
    if not measure.is_installed("Everything", "open_clip"):
        return
    class_names, templates = prompts(options.num_classes)
    num_texts = len(class_names) * len(templates)
    rows, numbers = [], {}
    for num_cores in options.cores or [1, measure.num_cores()]:
        times = compare(num_cores, options)
        numbers[num_cores] = times
        for name in CONTENDERS:
            speed = num_texts / min(answer["wall"] for answer in times[name])
            ratios = [
                measure.ratio_text(measure.speed_ratio(times, name, "open_clip", kind))
                for kind in ("wall", "cpu")
            ]
            rows.append([name, num_cores, f"{speed:,.0f}", *ratios])
    header = ["", "cores", "texts / s, best", "speed / open_clip (wall)", "(CPU)"]
    setup = (
        f"{num_texts:,} texts, text towers of width {options.width}, {options.num_layers} layers, "
        f"{options.num_tokens} tokens, batches of {CLASSES_PER_BATCH * len(templates)}; "
        f"{options.rounds} rounds in turn. "
        + measure.describe_machine("keras", "jax", "tensorflow", "torch", "open_clip_torch")
    )
    table = measure.table(header, rows)
    measure.write_results("zero_shot", "Building a zero-shot classifier", setup, [table], numbers)


if __name__ == "__main__":
    main()
