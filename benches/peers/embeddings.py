"""The vectors that the nearest-neighbour scripts search."""
import numpy as np


def embeddings(count: int, dim: int, seed: int) -> np.ndarray:
    """Unit vectors around one centre a class."""
    draw = lambda rng, shape: rng.random(shape, np.float32) + rng.random(shape, np.float32) - 1
    centres = draw(np.random.default_rng(99), (10, dim))
    rows = centres[np.arange(count) % 10] + 1.5 * draw(np.random.default_rng(seed), (count, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
