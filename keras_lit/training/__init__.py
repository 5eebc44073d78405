"""Settings, nested dicts as in `keras_lit.configs` -> a trained model: `keras-lit train`."""

from keras_lit.training.estimate import estimate_training as estimate_training
from keras_lit.training.training import train as train
