"""float64 NumPy twins of the contrastive losses and their gradients, written from the formulas."""

import numpy as np


def _softmax(logits, axis):
    weights = np.exp(logits - logits.max(axis, keepdims=True))
    return weights / weights.sum(axis, keepdims=True)


def _chain(logit_gradient, images, texts, log_temperature, bias, logits):
    temperature = np.exp(log_temperature)
    return [
        temperature * logit_gradient @ texts,
        temperature * logit_gradient.T @ images,
        np.sum(logit_gradient * (logits - bias)),
        np.sum(logit_gradient),
    ]


def softmax(images, texts, log_temperature, bias=0.0):
    """Returns loss and gradients by images, texts, log temperature and bias."""
    logits = np.exp(log_temperature) * images @ texts.T + bias
    over_texts, over_images = _softmax(logits, 1), _softmax(logits, 0)
    loss = -0.5 * np.mean(np.log(np.diag(over_texts)) + np.log(np.diag(over_images)))
    gradient = (0.5 * (over_texts + over_images) - np.eye(len(logits))) / len(logits)
    return loss, _chain(gradient, images, texts, log_temperature, bias, logits)


def sigmoid(images, texts, log_temperature, bias=0.0):
    """Returns loss and gradients by images, texts, log temperature and bias."""
    logits = np.exp(log_temperature) * images @ texts.T + bias
    signs = 2 * np.eye(len(logits)) - 1
    loss = np.sum(np.log1p(np.exp(-signs * logits))) / len(logits)
    gradient = -signs / (1 + np.exp(signs * logits)) / len(logits)
    return loss, _chain(gradient, images, texts, log_temperature, bias, logits)
