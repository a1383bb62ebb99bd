"""A VAE in JAX, an epoch compiled into one scan; runs in an environment of its own.

    python jax_worker.py

Reads one case a line, {"sizes", "batch_size", "rate", "data", "seconds"}, where data names a NumPy file
of rows in {0, 1}, and answers with one line, {"seconds", "rows"}: epochs of Adam, as many as the seconds of
the processor allow. Compiling is not counted.
"""

from __future__ import annotations

import json
import sys
import time
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def made(key: Any, sizes: list[int]) -> list[tuple[Any, Any]]:
    """Return weights and biases, uniform on +-1/sqrt(fan-in)."""
    layers = []
    for a, b in pairwise(sizes):
        key, weight, bias = jax.random.split(key, 3)
        bound = a**-0.5
        layers.append(
            (
                jax.random.uniform(weight, (a, b), minval=-bound, maxval=bound),
                jax.random.uniform(bias, (b,), minval=-bound, maxval=bound),
            )
        )
    return layers


def network(layers: list[tuple[Any, Any]], x: Any) -> Any:
    """Return the outputs of rows."""
    for weight, bias in layers[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    weight, bias = layers[-1]
    return x @ weight + bias


def loss(parameters: Any, x: Any, noise: Any) -> Any:
    """Return the negative bound of a Bernoulli likelihood and a standard normal prior, a mean over rows."""
    encoder, decoder = parameters
    mean, log_variance = jnp.split(network(encoder, x), 2, axis=1)
    logits = network(decoder, mean + jnp.exp(0.5 * log_variance) * noise)
    reconstruction = (x * logits - jax.nn.softplus(logits)).sum(1)
    divergence = 0.5 * (mean**2 + jnp.exp(log_variance) - 1 - log_variance).sum(1)
    return (divergence - reconstruction).mean()


def answered(case: dict[str, Any]) -> dict[str, float]:
    """Train for a while and return how many rows went through."""
    sizes, rate, batch_size = case["sizes"], case["rate"], case["batch_size"]
    x = jnp.asarray(np.load(case["data"]))
    n_steps = len(x) // batch_size
    key = jax.random.PRNGKey(0)
    parameters = (
        made(key, [*sizes[:-1], 2 * sizes[-1]]),
        made(jax.random.fold_in(key, 1), sizes[::-1]),
    )
    zeros = jax.tree_util.tree_map(jnp.zeros_like, parameters)

    @jax.jit
    def epoch(state: Any, key: Any) -> Any:
        order, draws = jax.random.split(key)
        batches = jax.random.permutation(order, len(x))[: n_steps * batch_size].reshape(n_steps, batch_size)

        def step(state: Any, inputs: Any) -> Any:
            parameters, first, second, count = state
            rows, key = inputs
            noise = jax.random.normal(key, (batch_size, sizes[-1]))
            value, gradient = jax.value_and_grad(loss)(parameters, x[rows], noise)
            count = count + 1
            first = jax.tree_util.tree_map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
            second = jax.tree_util.tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)

            def moved(p: Any, m: Any, v: Any) -> Any:
                return p - rate * (m / (1 - 0.9**count)) / (jnp.sqrt(v / (1 - 0.999**count)) + 1e-8)

            parameters = jax.tree_util.tree_map(moved, parameters, first, second)
            return (parameters, first, second, count), value

        return jax.lax.scan(step, state, (batches, jax.random.split(draws, n_steps)))

    state, values = epoch((parameters, zeros, zeros, 0.0), key)
    values.block_until_ready()
    n_epochs, started = 0, time.process_time()
    while time.process_time() - started < case["seconds"]:
        state, values = epoch(state, jax.random.fold_in(key, n_epochs + 2))
        values.block_until_ready()
        n_epochs += 1
    return {"seconds": time.process_time() - started, "rows": n_epochs * n_steps * batch_size}


def main() -> None:
    """Answer until there is no more case."""
    for line in sys.stdin:
        print(json.dumps(answered(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
