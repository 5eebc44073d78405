import collections

from keras_lit.data import emoji_examples, emoji_groups, emoji_sources


def test_examples_of_each_coarse_group():
    expected = {
        "dog face": "animal",
        "red apple": "food",
        "automobile": "vehicle",
        "grinning face": "face",
        "person running": "person",
        "castle": "place",
        "t shirt": "clothing",
        "aries": "sign",
        "red heart": None,
        "waving hand": None,
        "soccer ball": None,
        "france": None,
    }
    found = {
        emoji.names[0]: emoji_groups.coarse_group_of(emoji.subgroup)
        for emoji in emoji_sources.read_emojis()
    }
    assert {name: found[name] for name in expected} == expected


def test_every_group_has_prompts_and_no_prompt_is_shared():
    assert tuple(emoji_groups.GROUP_PROMPTS) == emoji_groups.COARSE_GROUPS
    texts = [text for prompts in emoji_groups.GROUP_PROMPTS.values() for text in prompts]
    assert len(texts) == len(set(texts))


def test_prompts_are_unicodes_subgroup_and_group():
    found = {name: set() for name in emoji_groups.COARSE_GROUPS}
    for emoji in emoji_sources.read_emojis():
        name = emoji_groups.coarse_group_of(emoji.subgroup)
        if name:
            found[name].add(emoji_examples._topics(emoji.group, emoji.subgroup)[2])
    assert {name: set(texts) for name, texts in emoji_groups.GROUP_PROMPTS.items()} == found


def test_every_coarse_group_has_enough_held_out_concepts():
    for salt in ("f", "l"):
        held_out = {
            emoji.concept: emoji_groups.coarse_group_of(emoji.subgroup)
            for emoji in emoji_sources.read_emojis()
            if emoji_sources.split_of(emoji.concept, salt) == "test"
        }
        counts = collections.Counter(held_out.values())
        assert set(counts) - {None} == set(emoji_groups.COARSE_GROUPS)
        assert min(counts.values()) >= 4
