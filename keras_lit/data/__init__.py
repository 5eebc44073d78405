"""Data sets and stored embeddings -> batches that `LiTModel.fit` takes."""

from keras_lit.data.augmentation import Augmentation as Augmentation
from keras_lit.data.augmentation import RandomResizedCrop as RandomResizedCrop
from keras_lit.data.augmentation import Resize as Resize
from keras_lit.data.broken_records import BrokenRecords as BrokenRecords
from keras_lit.data.cache_writer import cache_embeddings as cache_embeddings
from keras_lit.data.caption_cleaning import caption_lengths as caption_lengths
from keras_lit.data.caption_cleaning import clean_captions as clean_captions
from keras_lit.data.combined_sources import CleanCaptions as CleanCaptions
from keras_lit.data.combined_sources import Mixture as Mixture
from keras_lit.data.data_spec import open_source as open_source
from keras_lit.data.embedding_cache import EmbeddingCache as EmbeddingCache
from keras_lit.data.image_folder import ImageFolder as ImageFolder
from keras_lit.data.image_table import ImageTable as ImageTable
from keras_lit.data.inspection import Inspection as Inspection
from keras_lit.data.inspection import inspect_source as inspect_source
from keras_lit.data.shards import TarShards as TarShards
from keras_lit.data.shards import TFRecordShards as TFRecordShards
from keras_lit.data.source import Source as Source
from keras_lit.data.table_layouts import CC12M as CC12M
from keras_lit.data.table_layouts import YFCC100M as YFCC100M
from keras_lit.data.table_layouts import TableLayout as TableLayout
from keras_lit.data.tfds_pairs import TfdsSource as TfdsSource
from keras_lit.data.tfds_pairs import tfds_pairs as tfds_pairs
from keras_lit.preprocessing.shares import local_share as local_share
