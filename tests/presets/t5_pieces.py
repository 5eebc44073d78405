"""Captions in three languages -> a SentencePiece model of their characters, as T5 has one."""

import io

import sentencepiece

CAPTIONS = ["a dog on a sofa", "ein Hund, größer", "一只狗"]


def t5_pieces():
    """Returns the bytes of a SentencePiece model with the special pieces of T5."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CAPTIONS),
        model_writer=model,
        model_type="char",
        vocab_size=24,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        minloglevel=2,
    )
    return model.getvalue()
