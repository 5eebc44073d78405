"""A small text tower from scratch on a locked emoji tower: half a minute, nothing to download.

A first training to look at, and what CI runs. The values are ours; `keras-lit demo` trains longer,
on better captions.
"""

import pathlib

import keras_lit


def get_config():
    towers = pathlib.Path(keras_lit.__file__).parent / "presets" / "emoji_tower"
    return {
        "seed": 0,
        "num_steps": 200,
        "batch_size": 128,
        "micro_batch_size": None,
        "tuning": "Lu",
        "image_tower": {"backbone": str(towers / "0"), "pooling": "mean"},
        "text_tower": {
            "vocabulary": None,  # learned from the captions
            "vocabulary_size": 4096,
            "sequence_length": 12,
            "hidden_dim": 64,
            "num_layers": 2,
            "num_heads": 4,
            "mlp_dim": 128,
        },
        "head": {"temperature": 10.0, "bias": None},
        "loss": {"name": "SoftmaxContrastiveLoss", "chunk_size": None},
        "optimizer": {"name": "LiTAdamW", "weight_decay": 1e-4, "global_clipnorm": 1.0},
        "schedule": {"name": "CosineSchedule", "learning_rate": 2e-3, "warmup_steps": 20},
        "data": {
            "sources": ("tfds:emoji_captions/train",),
            "image_feature": None,
            "caption_feature": "names,keywords",
            "max_broken_share": 0.0,
        },
        "augmentation": {"RandomFlip": {"mode": "horizontal"}},
        "evaluation": {
            "every_steps": 100,
            "benchmarks": ("emoji_groups", "emoji_names"),
            "retrieval": None,
        },
        "log_steps": 20,
        "checkpoint_steps": 100,
    }
