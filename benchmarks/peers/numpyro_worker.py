"""NumPyro's AutoMultivariateNormal on Gaussian mixtures; runs in an environment of its own.

    python numpyro_worker.py < problems.json > answers.json

A problem is {"weights": (K,), "means": (K, d), "factors": (K, d, d)}, a setting {"steps", "particles",
"rate"}; problems of one file share K and d. Every setting is compiled before it is timed, with all starts
in one vectorised program and, for comparison, with one start a call; the quicker one counts.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoMultivariateNormal
from numpyro.infer.initialization import init_to_sample


def model(weights: Any, means: Any, factors: Any) -> None:
    """Draw x from the mixture."""
    components = dist.MultivariateNormal(means, scale_tril=factors)
    numpyro.sample("x", dist.MixtureSameFamily(dist.Categorical(probs=weights), components))


def one_start(setting: dict[str, Any]) -> Any:
    """Return the function (key, weights, means, factors) -> (mean, factor) of one run of SVI.

    The guide starts at a draw from the target. Adam's rate is constant over half of the steps and falls
    exponentially to a hundredth over the other.
    """
    steps, rate = setting["steps"], setting["rate"]

    def schedule(step: Any) -> Any:
        return rate * 0.01 ** (jnp.maximum(step - steps / 2, 0.0) / (steps / 2))

    def run(key: Any, *mixture: Any) -> Any:
        guide = AutoMultivariateNormal(model, init_loc_fn=init_to_sample)
        loss = Trace_ELBO(num_particles=setting["particles"])
        svi = SVI(model, guide, numpyro.optim.Adam(schedule), loss)

        def update(state: Any, _: Any) -> Any:
            return svi.update(state, *mixture)[0], None

        state, _ = jax.lax.scan(update, svi.init(key, *mixture), None, length=steps)
        parameters = svi.get_params(state)
        return parameters["auto_loc"], parameters["auto_scale_tril"]

    return run


def seconds(function: Any, *arguments: Any) -> tuple[float, Any]:
    """Return the wall time of a call and its result."""
    started = time.perf_counter()
    result = jax.block_until_ready(function(*arguments))
    return time.perf_counter() - started, result


def main() -> None:
    """Answer one file of problems."""
    document = json.load(sys.stdin)
    problems = [
        [jnp.asarray(np.array(problem[key])) for key in ("weights", "means", "factors")]
        for problem in document["problems"]
    ]
    starts, answers = document["starts"], []
    for setting in document["settings"]:
        run = one_start(setting)
        together = jax.jit(jax.vmap(run, in_axes=(0, None, None, None)))
        single = jax.jit(run)
        keys = jax.random.split(jax.random.PRNGKey(document["seed"]), starts)
        compiled, _ = seconds(together, keys, *problems[0])
        seconds(single, keys[0], *problems[0])
        rows = []
        for problem in problems:
            vectorised, (means, factors) = min(
                (seconds(together, keys, *problem) for _ in range(document["repeats"])),
                key=lambda run: run[0],
            )
            serial = starts * min(seconds(single, keys[0], *problem)[0] for _ in range(document["repeats"]))
            rows.append(
                {
                    "seconds": min(vectorised, serial),
                    "vectorised_seconds": vectorised,
                    "serial_seconds": serial,
                    "means": np.asarray(means, dtype=float).tolist(),
                    "factors": np.asarray(factors, dtype=float).tolist(),
                }
            )
        answers.append({"setting": setting, "compile_seconds": compiled, "runs": rows})
    json.dump(
        {"versions": {"numpyro": numpyro.__version__, "jax": jax.__version__}, "answers": answers}, sys.stdout
    )


if __name__ == "__main__":
    main()
