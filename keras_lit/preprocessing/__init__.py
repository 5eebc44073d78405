"""Raw pictures and captions -> the arrays that the towers take, in tf.data and outside."""

from keras_lit.preprocessing.image_converter import ImageConverter as ImageConverter
from keras_lit.preprocessing.lit_preprocessor import LiTPreprocessor as LiTPreprocessor
from keras_lit.preprocessing.resizing import SmallerSideResize as SmallerSideResize
from keras_lit.preprocessing.resizing import StretchResize as StretchResize
from keras_lit.preprocessing.sentence_piece_tokenizer import (
    SentencePieceTokenizer as SentencePieceTokenizer,
)
from keras_lit.preprocessing.vocabulary import vocabulary_from_captions as vocabulary_from_captions
from keras_lit.preprocessing.word_piece_tokenizer import WordPieceTokenizer as WordPieceTokenizer
