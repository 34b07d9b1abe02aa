"""Times a step of one of the small networks of `networks.py`, or the embeddings of the tutorial's, in TensorFlow; prints one JSON line
per way of computing it.

Usage: python tf_networks_bench.py CASE [--threads 2] [--seconds 8]. In float32, as a graph of oneDNN's operations and compiled by
XLA (`jit`).
"""
import argparse
import json
import os
import resource
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf
from tensorflow import keras

# The batch of each case.
CASES = {"tutorial-train-80": 80, "tutorial-embed-256": 256, "narrow-train-500": 500, "mid-train-500": 500}
WIDTHS = {"narrow": [32, 64, 128], "mid": [64, 128, 256]}


def tutorial() -> keras.Model:
    layers = keras.layers
    inputs = layers.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    x = layers.BatchNormalization()(layers.Conv2D(64, 3, activation="relu")(x))
    x = layers.BatchNormalization()(layers.Conv2D(128, 3, activation="relu")(x))
    x = layers.MaxPool2D(4)(x)
    x = layers.BatchNormalization()(layers.Conv2D(256, 3, activation="relu")(x))
    x = layers.GlobalMaxPool2D()(layers.Conv2D(256, 3, activation="relu")(x))
    return keras.Model(inputs, tf.math.l2_normalize(layers.Dense(256)(x), axis=1))


def network(name: str) -> keras.Model:
    return tutorial() if name == "tutorial" else pairs(WIDTHS[name])


def pairs(widths: list[int]) -> keras.Model:
    layers = keras.layers
    inputs = layers.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, -1)(inputs)
    x = layers.Conv2D(24, 2, activation="gelu")(x)
    for width in widths:
        x = layers.MaxPool2D(2)(layers.Conv2D(width, 3, padding="same", use_bias=False)(x))
        x = layers.Activation("gelu")(layers.BatchNormalization()(x))
        x = layers.Conv2D(width, 3, padding="same", use_bias=False)(x)
        x = layers.Activation("gelu")(layers.BatchNormalization()(x))
    x = layers.Dense(128)(layers.GlobalMaxPool2D()(x))
    return keras.Model(inputs, tf.math.l2_normalize(x, axis=1))


def measure(case: str, jit: bool, seconds: float) -> None:
    batch, net = CASES[case], network(case.split("-")[0])
    optimizer = keras.optimizers.Adam(0.002, jit_compile=False)
    labels = tf.range(batch) % 10
    same = tf.cast(labels[:, None] == labels[None, :], tf.float32)
    images = tf.random.uniform((batch, 32, 32, 3), 0, 255)

    @tf.function(jit_compile=jit)
    def gradients():
        with tf.GradientTape() as tape:
            e = net(images, training=True)
            loss = tf.reduce_mean((tf.matmul(e, e, transpose_b=True) - same) ** 2)
        return loss, tape.gradient(loss, net.trainable_variables)

    @tf.function
    def step():
        loss, grads = gradients()
        optimizer.apply_gradients(zip(grads, net.trainable_variables))
        return loss

    @tf.function(jit_compile=jit)
    def vectors():
        return net(images, training=False)

    call = step if "-train-" in case else vectors
    times, start = [], None
    while len(times) < 5 or (time.perf_counter() - start < seconds and len(times) < 42):
        before = time.perf_counter()
        call().numpy()
        times.append(time.perf_counter() - before)
        start = start or time.perf_counter()
    times = times[2:]
    median = statistics.median(times)
    print(json.dumps({
        "peer": f"tensorflow {tf.__version__}{' jit' if jit else ''}", "case": case, "min_ms": round(min(times) * 1e3, 2),
        "median_ms": round(median * 1e3, 2), "images_per_s": round(batch / median),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }), flush=True)


def main() -> None:
    args = argparse.ArgumentParser()
    args.add_argument("case", choices=list(CASES))
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--seconds", type=float, default=8.0)
    args = args.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    for jit in (False, True):
        measure(args.case, jit, args.seconds)


if __name__ == "__main__":
    main()
