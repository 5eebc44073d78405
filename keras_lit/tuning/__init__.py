"""Two towers -> what of them trains, and how near to its start it stays: the tools of tuning."""

from keras_lit.tuning.interpolation import interpolate_weights
from keras_lit.tuning.locks import Lock
from keras_lit.tuning.summary import TuningSummary, summarize
from keras_lit.tuning.unlock_tower import UnlockTower

__all__ = ["Lock", "TuningSummary", "UnlockTower", "interpolate_weights", "summarize"]
