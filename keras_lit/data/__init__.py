"""Data sets and stored embeddings -> batches that `LiTModel.fit` takes."""

from keras_lit.data.cache_writer import cache_embeddings as cache_embeddings
from keras_lit.data.embedding_cache import EmbeddingCache as EmbeddingCache
from keras_lit.data.image_table import ImageTable as ImageTable
from keras_lit.data.tfds_pairs import tfds_pairs as tfds_pairs
from keras_lit.preprocessing.shares import local_share as local_share
