"""LiT of a ViT-B/16 and BERT base on CC12M and YFCC100M: the released model LiT-B16B_2.

Sources of the values:
[card]   README and model card of github.com/google-research/vision_transformer, and README_lit.md
         of github.com/google-research/big_vision.
[config] big_vision/configs/proj/image_text/lit_coco.py of 2022, the authors' own public recipe. The
         batch size, learning rate and optimizer of the released models are published nowhere else.
[ours]   Nothing is published, or it is a matter of this package.
"""


def get_config():
    return {
        "seed": 0,  # [config]
        "num_steps": 60_000,  # [card] LiT-B16B, with a linear head on the images: 30,000
        "batch_size": 4096,  # [config] the paper's ablations have 16,384
        "micro_batch_size": None,  # [ours] all at once; smaller: less memory, the same numbers
        "tuning": "LU",  # [card] image tower locked, BERT pretrained
        # [card] "ViT-B/16 pretrained on ImageNet-21k (AugReg)"; no head on the images
        "image_tower": {"tower": "vit_b16_augreg_i21k", "dtype": "float32"},
        # [card] BERT base, 16 tokens, projected to the 768 dimensions of the images
        "text_tower": {"name": "bert_base_en_uncased", "sequence_length": 16},
        "head": {"temperature": 10.0, "bias": None},  # [config]
        "loss": {"name": "SoftmaxContrastiveLoss", "chunk_size": None},  # [config] global batch
        # [config] Adam for BERT base, Adafactor for BERT large
        "optimizer": {"name": "LiTAdamW", "weight_decay": 0.01, "global_clipnorm": 1.0},
        # [config] warm-up over 3 % of the steps
        "schedule": {"name": "CosineSchedule", "learning_rate": 1e-3, "warmup_steps": 1800},
        "data": {
            # [card] the data sets; [ours] where img2dataset puts them
            "sources": ("data/cc12m/*.tar", "data/yfcc100m/*.tar"),
            "image_feature": None,
            "caption_feature": None,
            "max_broken_share": 0.05,  # [ours]
        },
        # [config] flip_lr|randaug(2,10): two operations, 10 out of 10 strong
        "augmentation": {
            "RandomFlip": {"mode": "horizontal"},
            "RandAugment": {"num_ops": 2, "factor": 1.0},
        },
        # [config] every 500 steps
        "evaluation": {
            "every_steps": 500,
            "benchmarks": ("imagenet_v2", "coco_captions"),
            "retrieval": None,
        },
        "log_steps": 50,  # [config]
        "checkpoint_steps": 1000,  # [config]
    }
