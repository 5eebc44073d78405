"""Tokenizers of the SigLIP presets, on vocabularies that have their layout."""

import dataclasses
import io

import numpy as np
import pytest
import sentencepiece

from keras_lit.presets import get_preset
from keras_lit.presets.architectures import build_tokenizer

# Numbers of the padding, end, begin and unknown pieces in T5's models, and in Gemma's.
T5 = {"pad_id": 0, "eos_id": 1, "bos_id": -1, "unk_id": 2}
GEMMA = {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3, "eos_piece": "<eos>"}
SIZE = 16


def write_vocabulary(path, **options):
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a dog and a cat", "two dogs"] * 20),
        model_writer=model,
        vocab_size=SIZE,
        minloglevel=2,
        **options,
    )
    path.write_bytes(model.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())


@pytest.mark.parametrize(
    ("name", "options", "padding_id"),
    [("siglip_b16_224", T5, 1), ("siglip2_b16_224", GEMMA, 0)],
)
def test_siglip_lowers_ends_and_pads(name, options, padding_id, tmp_path):
    processor = write_vocabulary(tmp_path / "sp.model", **options)
    preset = get_preset(name)
    text_tower = dataclasses.replace(preset.text_tower, vocabulary_size=SIZE)
    preset = dataclasses.replace(preset, text_tower=text_tower)
    token_ids = np.array(build_tokenizer(preset, tmp_path / "sp.model")(["A DOG", "dog " * 99]))
    pieces = processor.encode("a dog")
    padding = [padding_id] * (63 - len(pieces))
    assert token_ids[0].tolist() == [*pieces, processor.eos_id(), *padding]
    assert token_ids[1].tolist() == [*processor.encode("dog " * 99)[:63], processor.eos_id()]


def test_unused_entries_of_a_vocabulary_are_allowed(tmp_path):
    write_vocabulary(tmp_path / "sp.model", **T5)
    preset = get_preset("siglip_b16_256_i18n")
    assert preset.vocabulary.num_unused == 100

    def with_rows(num_rows):
        text_tower = dataclasses.replace(preset.text_tower, vocabulary_size=num_rows)
        vocabulary = dataclasses.replace(preset.vocabulary, num_unused=2)
        return dataclasses.replace(preset, text_tower=text_tower, vocabulary=vocabulary)

    build_tokenizer(with_rows(SIZE - 2), tmp_path / "sp.model")
    with pytest.raises(ValueError, match="the vocabulary of another model"):
        build_tokenizer(with_rows(SIZE + 2), tmp_path / "sp.model")
