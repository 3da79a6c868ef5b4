"""How one hidden layer is drawn: the part that baseline initialisers and `reshape` share.

A sampler takes a key, the activations `h` (n, fan_in) that reach the layer, the targets `y` (n, k)
and the number of units, and returns float64 NumPy kernel (fan_in, units) and bias (units,). Those
of the first group do not look at the data.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from spline_fc.network.structure import Layer


def generator(key: jax.Array) -> np.random.Generator:
    """A NumPy generator that depends on a JAX key alone."""
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        key = jax.random.key_data(key)
    return np.random.default_rng(np.asarray(key).ravel().tolist())


def _scaled(draw: Callable[..., np.ndarray], variance: Callable[[int, int], float]) -> Any:
    """A sampler of independent weights of mean 0 and of a variance that the fans decide."""

    def sample(key: jax.Array, h: np.ndarray, y: np.ndarray | None, units: int) -> Layer:
        del y
        fan_in = h.shape[1]
        deviation = np.sqrt(variance(max(fan_in, 1), max(units, 1)))
        return deviation * draw(generator(key), (fan_in, units)), np.zeros(units)

    return sample


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Unit variance, cut off at two deviations before scaling, as jax.nn.initializers do."""
    low, high = special.ndtr([-2.0, 2.0])
    return special.ndtri(rng.uniform(low, high, shape)) / 0.87962566103423978


def _uniform(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.uniform(-np.sqrt(3), np.sqrt(3), shape)


def _orthogonal(gain: float) -> Callable[..., Layer]:
    def sample(key: jax.Array, h: np.ndarray, y: np.ndarray | None, units: int) -> Layer:
        del y
        fan_in = h.shape[1]
        square = generator(key).standard_normal((max(fan_in, units), min(fan_in, units)))
        q, r = np.linalg.qr(square)
        # Without fixing the signs, QR would not give the uniform distribution.
        q = gain * q * np.where(np.diag(r) < 0, -1.0, 1.0)
        return (q if fan_in >= units else q.T), np.zeros(units)

    return sample


# NumPy rather than jax.nn.initializers: those compile for every new shape, half a second each.
he_normal = _scaled(_normal, lambda fan_in, units: 2 / fan_in)
glorot_uniform = _scaled(_uniform, lambda fan_in, units: 2 / (fan_in + units))
lecun_normal = _scaled(_normal, lambda fan_in, units: 1 / fan_in)
orthonormal = _orthogonal(1.0)
orthogonal = _orthogonal(np.sqrt(2))


def lsuv(key: jax.Array, h: np.ndarray, y: np.ndarray | None, units: int) -> Layer:
    """An orthonormal kernel scaled so that the pre-activations have unit variance on the data.

    The variance is that of all entries of the (n, units) matrix, as in Mishkin and Matas (2016),
    "All you need is a good init". Without variation on the data the kernel stays as drawn.
    """
    kernel, bias = orthonormal(key, h, y, units)
    # One division is exact; the paper iterates only because its blobs may come from convolutions
    # evaluated batch by batch.
    deviation = (h @ kernel).std() if units else 0.0
    return (kernel / deviation if deviation > 0 else kernel), bias


def swim(key: jax.Array, h: np.ndarray, y: np.ndarray | None, units: int) -> Layer:
    """Units from pairs of rows: 0 at the first, 1 at the second, linear along the line between.

    Pairs are drawn with probability proportional to |y_2 - y_1|_inf / |h_2 - h_1|, from n random
    pairs (more if there are more units than rows), as in Bolager et al. (2023), "Sampling weights
    of deep neural networks", NeurIPS; their scale for ReLU (s1 = 1, s2 = 0).
    """
    assert y is not None
    rng = generator(key)
    n = len(h)
    count = n * max(1, -(-units // n))
    first = rng.integers(n, size=count)
    second = (first + rng.integers(1, max(n, 2), size=count)) % n
    step = h[second] - h[first]
    length = np.maximum(np.linalg.norm(step, axis=1), 1e-10)
    gradient = np.abs(y[second] - y[first]).max(axis=1) / length
    # Two equal rows carry no direction, so they are never the pair.
    gradient[length <= 1e-10] = 0
    total = gradient.sum()
    chance = gradient / total if total > 0 else np.full(count, 1 / count)
    pick = rng.choice(count, size=units, p=chance)
    kernel = (step[pick] / length[pick, None] ** 2).T
    return kernel, -np.einsum("ij,ji->i", h[first[pick]], kernel)


def box(key: jax.Array, h: np.ndarray, y: np.ndarray | None, units: int) -> Layer:
    """Units whose edge cuts the box of the data and whose largest value on that box is 1.

    A point p uniform in the box, a direction v uniform on the sphere (of the box scaled to the unit
    cube), and relu(c v'(u - p)) with c such that the corner furthest along v is mapped to 1: "box
    initialisation" of Cyr, Gulian, Patel, Perego, Trask (2020), "Robust training and initialization
    of deep neural networks: an adaptive basis viewpoint", MSML. Constant columns get weight 0.
    """
    del y
    rng = generator(key)
    low, width = h.min(axis=0), np.ptp(h, axis=0)
    direction = rng.standard_normal((h.shape[1], units)) * (width > 0)[:, None]
    point = rng.uniform(size=(h.shape[1], units))
    reach = (direction * ((direction > 0) - point)).sum(axis=0)
    cube = direction / np.where(reach > 0, reach, 1)
    kernel = cube / np.where(width > 0, width, 1)[:, None]
    return kernel, -(cube * point).sum(axis=0) - low @ kernel


DATA_FREE = {
    "he_normal": he_normal,
    "glorot_uniform": glorot_uniform,
    "lecun_normal": lecun_normal,
    "orthogonal": orthogonal,
}
SAMPLERS = {**DATA_FREE, "lsuv": lsuv, "swim": swim, "box_lsq": box}
