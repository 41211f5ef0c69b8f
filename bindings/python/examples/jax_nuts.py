"""The posterior of a decay's rate and start by NUTS, in NumPyro and in BlackJAX, with exact gradients of the run.

`python jax_nuts.py` prints both means; what was measured was made with rate 0.7 and start 2.
"""

import jax
import jax.numpy as jnp
import numpy as np
import rhapsode
import rhapsode.jax

jax.config.update("jax_enable_x64", True)

MODEL = rhapsode.compile("model decay\nparam k = 1\ninit x = 1\nx' = -k*x\n")
TIMES = np.linspace(0.5, 4.0, 8)
SIGMA = 0.05
MEASURED = 2.0 * np.exp(-0.7 * TIMES) + SIGMA * np.random.default_rng(1).normal(size=len(TIMES))

curves = rhapsode.jax.curves(MODEL, TIMES, ["k", "x"], rtol=1e-8, atol=1e-10)


def with_numpyro(samples=300):
    import numpyro
    from numpyro import distributions as dist
    from numpyro.infer import MCMC, NUTS

    def model():
        k = numpyro.sample("k", dist.LogNormal(0.0, 1.0))
        x = numpyro.sample("x", dist.LogNormal(0.0, 1.0))
        numpyro.sample("seen", dist.Normal(curves(jnp.stack([k, x]))[:, 0], SIGMA), obs=MEASURED)

    sampler = MCMC(NUTS(model), num_warmup=samples, num_samples=samples, progress_bar=False)
    sampler.run(jax.random.PRNGKey(0))
    return {name: np.asarray(values) for name, values in sampler.get_samples().items()}


def with_blackjax(samples=300):
    import blackjax

    def log_density(log_p):
        # Trajectories that diverge go anywhere; a run from infinity would end them with an error.
        distance = (curves(jnp.exp(jnp.clip(log_p, -10.0, 10.0)))[:, 0] - MEASURED) / SIGMA
        return -0.5 * jnp.sum(distance**2) - 0.5 * jnp.sum(log_p**2)

    warm = blackjax.window_adaptation(blackjax.nuts, log_density)
    (state, parameters), _ = warm.run(jax.random.PRNGKey(0), jnp.zeros(2), num_steps=samples)
    step = jax.jit(blackjax.nuts(log_density, **parameters).step)
    kept = []
    for key in jax.random.split(jax.random.PRNGKey(1), samples):
        state, _ = step(key, state)
        kept.append(np.exp(state.position))
    return dict(zip(("k", "x"), np.array(kept).T))


if __name__ == "__main__":
    for sampler in (with_numpyro, with_blackjax):
        draws = sampler()
        print(sampler.__name__, {name: f"{values.mean():.3f} ± {values.std():.3f}" for name, values in draws.items()})
