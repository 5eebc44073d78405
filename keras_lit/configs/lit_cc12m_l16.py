"""LiT of a ViT-L/16 and BERT large on CC12M and YFCC100M: the released model LiT-L16L.

As `lit_cc12m_b16`, whose marks say where a value is from, but for what is set here.
"""

from keras_lit.configs import lit_cc12m_b16


def get_config():
    config = lit_cc12m_b16.get_config()
    # The number of steps is not published: "1 day" on the 64 chips that B16B took 0.3 days on, with
    # towers of 3.6 times the FLOPs, is as many [ours].
    config["image_tower"]["tower"] = "vit_l16_augreg_i21k"  # [card]
    config["text_tower"]["name"] = "bert_large_en_uncased"  # [card]
    config["optimizer"]["name"] = "LiTAdafactor"  # [config] for every text tower but BERT base
    return config
