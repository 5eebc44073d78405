"""text_tower: each kind of text model with its tokenizer, pooling and length; vocabularies fit."""

import keras
import keras_hub
import numpy as np
import pytest

import keras_lit
from keras_lit.backbones import TextTransformerBackbone
from keras_lit.backbones.sizes import TRANSFORMER_SIZES
from keras_lit.preprocessing import WordPieceTokenizer, vocabulary_from_captions
from keras_lit.presets import text_tower, text_towers
from tests import tiny
from tests.presets.t5_pieces import CAPTIONS
from tests.reference import reference_root

# keras-hub leaves the files of SentencePiece models open.
pytestmark = pytest.mark.filterwarnings("ignore:Exception ignored in. <_io.FileIO")

SIZE = {"num_layers": 1, "num_heads": 2, "hidden_dim": 8, "intermediate_dim": 16}
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "##s"]


@pytest.fixture(scope="module")
def presets(tmp_path_factory):
    """Folders of tiny keras-hub presets, as `from_preset` would have downloaded them."""
    models, root = keras_hub.models, tmp_path_factory.mktemp("presets")
    proto = (reference_root() / "sentencepiece" / "sp.model").read_bytes()
    xlm_roberta = models.XLMRobertaTokenizer(proto=proto)
    num_pieces = xlm_roberta.vocabulary_size()
    made = {
        "bert": (
            models.BertBackbone(vocabulary_size=len(PIECES), max_sequence_length=20, **SIZE),
            models.BertTokenizer(vocabulary=PIECES, lowercase=True),
        ),
        "xlm_roberta": (
            models.XLMRobertaBackbone(vocabulary_size=num_pieces, max_sequence_length=20, **SIZE),
            xlm_roberta,
        ),
        "distil_bert": (
            models.DistilBertBackbone(vocabulary_size=len(PIECES), max_sequence_length=20, **SIZE),
            models.DistilBertTokenizer(vocabulary=PIECES, lowercase=True),
        ),
    }
    for name, (backbone, tokenizer) in made.items():
        backbone.save_to_preset(root / name)
        tokenizer.save_to_preset(root / name)
    return root


def encode(tower, tokenizer, texts):
    images = keras.Input((8, 8, 3))
    image_backbone = keras.Model(images, keras.layers.Conv2D(6, 4, strides=4)(images))
    model = keras_lit.LiTModel(
        keras_lit.Tower(image_backbone, "mean"),
        tower,
        preprocessor=keras_lit.LiTPreprocessor(tokenizer=tokenizer),
    )
    return model.preprocessor.tokenize_captions(texts), model.encode_texts(texts)


def test_bert_reads_its_first_token_and_gets_no_separator(presets):
    tower, tokenizer = text_tower(str(presets / "bert"), projection_dim=6)
    assert isinstance(tokenizer, WordPieceTokenizer)
    tokens, embeddings = encode(tower, tokenizer, ["A dog", "dogs " * 20])
    ids = np.asarray(tokens["token_ids"])
    assert ids.shape == (2, 16) and ids[0].tolist() == [2, 5, 6] + 13 * [0]
    assert ids[1].tolist() == [2] + 7 * [6, 7] + [6]
    backbone = tower.backbone
    inputs = {"token_ids": ids, "padding_mask": ids != 0, "segment_ids": np.zeros_like(ids)}
    first = keras.ops.convert_to_numpy(backbone(inputs)["sequence_output"])[:, 0]
    expected = first @ keras.ops.convert_to_numpy(tower.projection.kernel)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(embeddings, expected, atol=1e-5)


def test_xlm_roberta_tunes_in_many_languages(presets):
    tower, tokenizer = text_tower(str(presets / "xlm_roberta"), projection_dim=6)
    tokens, embeddings = encode(tower, tokenizer, CAPTIONS)
    ids, mask = np.asarray(tokens["token_ids"]), np.asarray(tokens["padding_mask"])
    assert ids.shape == (3, 16) and np.all(ids[:, 0] == 0) and np.all(ids[~mask] == 1)
    assert all(row[keep][-1] == 2 for row, keep in zip(ids, mask, strict=True))
    assert embeddings.shape == (3, 6) and np.ptp(embeddings, axis=0).max() > 1e-5


def test_from_scratch_in_the_sizes_of_the_paper():
    vocabulary = vocabulary_from_captions(CAPTIONS)
    tower, tokenizer = text_tower("Ti", projection_dim=6, vocabulary=vocabulary)
    backbone, size = tower.backbone, TRANSFORMER_SIZES["Ti"]
    assert (backbone.max_length, backbone.vocabulary_size) == (16, len(vocabulary))
    assert {name: getattr(backbone, name) for name in size} == size
    ids = np.asarray(tokenizer(CAPTIONS))
    assert ids.shape == (3, 16) and np.all(ids[:, 0] == 2) and not np.any(ids == 1)
    assert type(tower.pooling).__name__ == "ClassTokenPooling"


def test_from_scratch_with_a_sentence_piece_vocabulary(monkeypatch):
    monkeypatch.setitem(TRANSFORMER_SIZES, "Ti", TRANSFORMER_SIZES["mu"])
    path = reference_root() / "sentencepiece" / "sp.model"
    tower, tokenizer = text_tower("Ti", vocabulary=path, sequence_length=8)
    assert type(tower.pooling).__name__ == "LastTokenPooling" and tower.projection is None
    assert tower.backbone.max_length == tokenizer.sequence_length == 8
    assert set(text_towers.SIZES) < set(TRANSFORMER_SIZES)
    image_tower = keras_lit.Tower(tiny.image_backbone(), "mean", projection_dim=tower.embedding_dim)
    with pytest.raises(ValueError, match="'U', pretrained, of the tower 'text_tower'.*are random"):
        keras_lit.LiTModel(image_tower, tower, tuning="LU")


def test_errors(presets):
    with pytest.raises(ValueError, match="'S' starts from scratch.*`keras-lit vocabulary"):
        text_tower("S")
    with pytest.raises(ValueError, match="brings its own vocabulary"):
        text_tower(str(presets / "bert"), vocabulary=PIECES)
    with pytest.raises(ValueError, match="'/no/such' is none of the sizes"):
        text_tower("/no/such")
    with pytest.raises(ValueError, match="is a DistilBertBackbone.*wrap another one yourself"):
        text_tower(str(presets / "distil_bert"))


def test_a_vocabulary_larger_than_the_embedding_table():
    class Numbered:
        def __init__(self, *pieces):
            self.vocabulary = [*map(str, range(tiny.VOCABULARY_SIZE)), *pieces]

        def vocabulary_size(self):
            return len(self.vocabulary)

        def id_to_token(self, token_id):
            return self.vocabulary[token_id]

    check = keras_lit.preprocessing.vocabulary.check_vocabulary_fits
    check(Numbered("<extra_id_1>", "▁<extra_id_0>"), tiny.VOCABULARY_SIZE)
    words = WordPieceTokenizer(["[CLS]", "[UNK]", *map(str, range(60))], tiny.TOKENS)
    with pytest.raises(ValueError, match="vocabulary of 62 and the text tower 50 token embeddings"):
        tiny.lit_model(preprocessor=keras_lit.LiTPreprocessor(tokenizer=words))
    assert isinstance(tiny.text_backbone(), TextTransformerBackbone)


def test_captions_that_are_all_empty():
    words = WordPieceTokenizer(["[CLS]", "[UNK]", "a"], tiny.TOKENS)
    model = tiny.lit_model(preprocessor=keras_lit.LiTPreprocessor(tokenizer=words))
    model.compile(loss=keras_lit.losses.SoftmaxContrastiveLoss())
    pairs = {"images": tiny.pairs(4)["images"], "captions": ["", " ", "", "\n"]}
    with pytest.raises(ValueError, match="All captions of the first batch are empty"):
        model.fit(pairs, verbose=0)
