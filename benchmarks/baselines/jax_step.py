"""Sizes of two towers -> a step of locked-image text tuning in plain JAX, written by hand.

Pre-LayerNorm transformers with tanh GELU, as in the original; every product with a weight is one of
two matrices. The optimizer is Adam, the loss softmax over the batch in both directions.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np


def train(sizes, batches, step_done):
    """Trains until `step_done(wait)` returns False.

    Args:
        sizes: `benchmarks.step.Sizes`.
        batches: List of dicts of NumPy arrays that are taken in turn: `token_ids`, and `images` or
            `image_embeddings`.
        step_done: Function called after each step with one that waits for its results.
    """
    random = np.random.default_rng(0)
    text, image = text_parameters(random, sizes), image_parameters(random, sizes)
    trained = {"text": text, "log_temperature": jnp.asarray(np.log(10.0), "float32")}
    zeros = jax.tree.map(jnp.zeros_like, trained)
    state = trained, zeros, jax.tree.map(jnp.copy, zeros), jnp.zeros((), "int32")
    step = jax.jit(
        lambda state, image, batch: adam_step(state, image, batch, sizes), donate_argnums=0
    )
    for batch in itertools.cycle(batches):
        state, loss = step(state, image, batch)
        if not step_done(loss.block_until_ready):
            return


def adam_step(state, image, batch, sizes, learning_rate=1e-3):
    trained, first, second, count = state
    loss, gradients = jax.value_and_grad(contrastive_loss)(trained, image, batch, sizes)
    count += 1
    first = jax.tree.map(lambda m, g: m + 0.1 * (g - m), first, gradients)
    second = jax.tree.map(lambda v, g: v + 0.001 * (g * g - v), second, gradients)
    rate = learning_rate * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    trained = jax.tree.map(
        lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), trained, first, second
    )
    return (trained, first, second, count), loss


def contrastive_loss(trained, image, batch, sizes):
    if "images" in batch:
        images = jax.lax.stop_gradient(embed_images(image, batch["images"], sizes))
    else:
        images = batch["image_embeddings"]
    texts = embed_texts(trained["text"], batch["token_ids"], sizes)
    logits = jnp.exp(trained["log_temperature"]) * images @ texts.T
    positive = jnp.diagonal(logits)
    over_texts = jax.nn.logsumexp(logits, axis=1) - positive
    over_images = jax.nn.logsumexp(logits, axis=0) - positive
    return jnp.mean(over_texts + over_images) / 2


def embed_images(parameters, images, sizes):
    batch, patch, grid = len(images), sizes.patch_size, sizes.image_size // sizes.patch_size
    patches = images.reshape(batch, grid, patch, grid, patch, 3).transpose(0, 1, 3, 2, 4, 5)
    tokens = patches.reshape(-1, patch * patch * 3) @ parameters["patches"]
    tokens = tokens.reshape(batch, grid * grid, sizes.width)
    class_token = jnp.broadcast_to(parameters["class_token"], (batch, 1, sizes.width))
    tokens = jnp.concatenate([class_token, tokens], axis=1) + parameters["positions"]
    return unit_norm(transformer(parameters, tokens, sizes)[:, 0])


def embed_texts(parameters, token_ids, sizes):
    tokens = parameters["embedding"][token_ids] + parameters["positions"]
    return unit_norm(transformer(parameters, tokens, sizes)[:, -1])


def transformer(parameters, tokens, sizes):
    batch, length, width = tokens.shape
    heads = sizes.num_heads
    x = tokens.reshape(-1, width)
    for block in parameters["blocks"]:
        y = layer_norm(x, block["attention_norm"])
        query, key, value = (
            (y @ block[name] + block[f"{name}_bias"]).reshape(batch, length, heads, -1)
            for name in ("query", "key", "value")
        )
        logits = jnp.einsum("bqhd,bkhd->bhqk", query / np.sqrt(width // heads), key)
        read = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(logits), value)
        x = x + read.reshape(-1, width) @ block["output"] + block["output_bias"]
        y = layer_norm(x, block["mlp_norm"])
        y = jax.nn.gelu(y @ block["hidden"] + block["hidden_bias"])
        x = x + y @ block["narrow"] + block["narrow_bias"]
    return layer_norm(x, parameters["norm"]).reshape(batch, length, width)


def layer_norm(x, parameters):
    mean = x.mean(axis=-1, keepdims=True)
    variance = x.var(axis=-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-6) * parameters["scale"] + parameters["offset"]


def unit_norm(x):
    return x / (jnp.linalg.norm(x, axis=-1, keepdims=True) + 1e-8)


def image_parameters(random, sizes):
    num_tokens = (sizes.image_size // sizes.patch_size) ** 2 + 1
    return {
        "patches": normal(random, sizes.patch_size**2 * 3, sizes.width),
        "class_token": jnp.zeros((1, 1, sizes.width)),
        **transformer_parameters(random, num_tokens, sizes),
    }


def text_parameters(random, sizes):
    return {
        "embedding": normal(random, sizes.vocabulary_size, sizes.width),
        **transformer_parameters(random, sizes.num_tokens, sizes),
    }


def transformer_parameters(random, num_tokens, sizes):
    width, mlp = sizes.width, sizes.mlp_dim
    shapes = {name: (width, width) for name in ("query", "key", "value", "output")}
    shapes |= {"hidden": (width, mlp), "narrow": (mlp, width)}

    def norm():
        return {"scale": jnp.ones(width), "offset": jnp.zeros(width)}

    def block():
        weights = {name: normal(random, *shape) for name, shape in shapes.items()}
        biases = {f"{name}_bias": jnp.zeros(shape[1]) for name, shape in shapes.items()}
        return {**weights, **biases, "attention_norm": norm(), "mlp_norm": norm()}

    return {
        "positions": normal(random, num_tokens, width),
        "norm": norm(),
        "blocks": [block() for _ in range(sizes.num_layers)],
    }


def normal(random, *shape):
    return jnp.asarray(random.normal(0, shape[0] ** -0.5, shape), "float32")
