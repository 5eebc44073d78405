"""SentencePieceTokenizer: ids of the original and of big_vision, errors, saving."""

import io

import keras
import numpy as np
import pytest
import sentencepiece
import tensorflow as tf

from keras_lit.preprocessing import SentencePieceTokenizer
from tests.parity_table import assert_equal
from tests.preprocessing.reference_cases import SENTENCE_PIECE, fixtures_of
from tests.reference import load_json, reference_root

# Key in the fixture's cases -> how a user writes it; a string is another key of the fixture.
VARIANTS = {
    "ids": {},
    "bv_sticky_lower": {"lowercase": True, "pad_token_id": "bv_sticky_pad_value"},
    "bv_sticky_nolower": {"pad_token_id": "bv_sticky_pad_value"},
    "bv_yes_pad0_lower": {"lowercase": True, "pad_token_id": 0, "end_of_text": "cut"},
    "bv_none_pad0_lower": {"lowercase": True, "pad_token_id": 0, "end_of_text": "none"},
}


@pytest.fixture(scope="module")
def proto():
    """A model of its own, whose `</s>` is not 1: ids that are assumed, not read, show."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a photo of a dog", "two dogs and a cat"] * 20),
        model_writer=model,
        vocab_size=40,
        hard_vocab_limit=False,
        pad_id=0,
        unk_id=1,
        bos_id=-1,
        eos_id=2,
        minloglevel=2,
    )
    return model.getvalue()


def test_fixtures_exist():
    assert fixtures_of(SENTENCE_PIECE)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("fixture", fixtures_of(SENTENCE_PIECE))
def test_ids_equal_the_reference(fixture, variant):
    reference = load_json(fixture, "cases.json")
    # A key that no variant covers would go untested.
    assert set(reference["cases"][0]) == {"text", *VARIANTS}
    texts = [case["text"] for case in reference["cases"]]
    expected = np.array([case[variant] for case in reference["cases"]])
    arguments = {
        name: reference[value] if isinstance(value, str) and value in reference else value
        for name, value in VARIANTS[variant].items()
    }
    tokenizer = SentencePieceTokenizer(
        str(reference_root() / fixture / "sp.model"),
        sequence_length=reference["max_len"],
        **arguments,
    )
    assert tokenizer.end_of_text_token_id == reference["eos_id"]
    assert_equal(fixture, variant, tokenizer(texts), expected)
    dataset = tf.data.Dataset.from_tensor_slices(texts).batch(7).map(tokenizer).unbatch()
    rows = list(dataset.as_numpy_iterator())
    assert_equal(fixture, f"{variant} in tf.data", rows, expected)


def test_pieces_are_those_of_the_sentencepiece_library(proto):
    texts = ["a photo of a dog", "", "two zebras", "ﬁne\u00a0dogs"]
    library = sentencepiece.SentencePieceProcessor(model_proto=proto)
    ours = SentencePieceTokenizer(proto, sequence_length=None)(texts)
    assert ours == [library.encode(text) for text in texts]


def test_last_position_is_end_of_text_and_the_mask_ends_with_the_first(proto):
    tokenizer = SentencePieceTokenizer(proto, sequence_length=6)
    outputs = tokenizer.tokenize_and_pad(["", "dog", "two dogs and a cat and a photo of a dog"])
    token_ids, mask = (np.asarray(outputs[key]) for key in ("token_ids", "padding_mask"))
    assert tokenizer.end_of_text_token_id == 2
    assert (token_ids[:, -1] == 2).all() and (token_ids[0] == 2).all()
    for row, row_mask in zip(token_ids, mask, strict=True):
        first_end = list(row).index(2)
        np.testing.assert_array_equal(row_mask, np.arange(6) <= first_end)


def test_unknown_end_of_text_raises(proto):
    with pytest.raises(ValueError, match="end_of_text must be one of"):
        SentencePieceTokenizer(proto, end_of_text="yes")


@pytest.mark.parametrize("content", [b"", b"no model", b"<html>not found</html>"])
def test_no_sentencepiece_model_raises(content, tmp_path):
    path = tmp_path / "sp.model"
    path.write_bytes(content)
    for proto in (content, str(path)):
        with pytest.raises(ValueError, match="not a SentencePiece model"):
            SentencePieceTokenizer(proto)


def test_model_without_end_raises():
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a photo of a dog"] * 20),
        model_writer=model,
        vocab_size=30,
        hard_vocab_limit=False,
        eos_id=-1,
        bos_id=-1,
        minloglevel=2,
    )
    with pytest.raises(ValueError, match="</s>"):
        SentencePieceTokenizer(model.getvalue())


def test_config_round_trip(proto):
    tokenizer = SentencePieceTokenizer(proto, 8, "cut", 3, True, name="tokenizer")
    config = keras.saving.serialize_keras_object(tokenizer)
    copy = keras.saving.deserialize_keras_object(config)
    assert copy.get_config() == tokenizer.get_config()
    copy.set_proto(proto)
    np.testing.assert_array_equal(np.asarray(copy("A dog")), np.asarray(tokenizer("A dog")))
