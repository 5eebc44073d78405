"""SigLiT of a ViT-B/16 and BERT base on COCO captions: big_vision's minimal SigLIP example.

All values are those of big_vision/configs/proj/image_text/siglip_lit_coco.py; the marks of
`lit_cc12m_b16` hold for the others.
"""

from keras_lit.configs import lit_cc12m_b16


def get_config():
    config = lit_cc12m_b16.get_config()
    config["num_steps"] = 5000
    config["batch_size"] = 512
    config["head"]["bias"] = -2.71
    config["loss"]["name"] = "SigmoidContrastiveLoss"
    config["schedule"]["warmup_steps"] = 150  # the larger of 100 and 3 % of the steps
    config["data"]["sources"] = ("tfds:coco_captions/train",)
    config["evaluation"] |= {"every_steps": 1000, "benchmarks": ("coco_captions",)}
    return config
