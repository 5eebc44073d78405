"""The environment -> the module that answers for the running backend; nothing else asks for it."""

import importlib

import keras

backend = importlib.import_module(f"keras_lit.distribution._{keras.config.backend()}")
