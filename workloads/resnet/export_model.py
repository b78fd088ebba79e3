"""Exports Keras ResNet50 as a SavedModel that takes JPEGs, as TensorFlow Serving loads it.

    python export_model.py --out models                    # models/resnet/1, ImageNet weights
    python export_model.py --out models --weights random   # no download: for tests of everything but the answer

A request is {"instances": [{"b64": "<base64 of a JPEG>"}]}. An answer has for each instance `classes`, the likeliest of
ImageNet's 1000 (from 0), `top_5_classes` and `top_5_probabilities`.
"""

import argparse
import os
import re
import sys
from pathlib import Path

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")  # an export needs no GPU
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import tensorflow as tf

SIDE_PIXELS = 224  # Keras Applications, ResNet50: the size its ImageNet weights were trained on
WEIGHTS_FILE = "~/.keras/models/resnet50_weights_tf_dim_ordering_tf_kernels.h5"  # where Keras keeps its download


class Unreachable(Exception):
    """The ImageNet weights are neither in Keras' cache nor to be downloaded."""


def resnet50(weights: str) -> keras.Model:
    """`imagenet`, or `random`: the same ones each time. Raises Unreachable."""
    if weights == "random":
        keras.utils.set_random_seed(0)
        return keras.applications.ResNet50(weights=None)
    try:
        return keras.applications.ResNet50(weights=weights)
    except Exception as problem:  # Keras has no narrower one for a failed download
        raise Unreachable(f"the ImageNet weights cannot be had: {problem}") from problem


class JpegClassifier(tf.Module):
    """The network behind a signature of bytes: decoding, resizing and normalizing are part of the graph."""

    def __init__(self, network: keras.Model):
        super().__init__()
        self.network = network

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve(self, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        pixels = tf.map_fn(
            self._pixels, image_bytes, fn_output_signature=tf.TensorSpec([SIDE_PIXELS, SIDE_PIXELS, 3], tf.float32)
        )
        normalized = keras.applications.resnet50.preprocess_input(pixels)
        probabilities, classes = tf.math.top_k(self.network(normalized, training=False), k=5)
        # Two outputs or more make each prediction an object; a single one would come without its name.
        return {"classes": classes[:, 0], "top_5_classes": classes, "top_5_probabilities": probabilities}

    def _pixels(self, jpeg: tf.Tensor) -> tf.Tensor:
        return tf.image.resize(tf.io.decode_jpeg(jpeg, channels=3), [SIDE_PIXELS, SIDE_PIXELS])


def export(network: keras.Model, target: Path) -> None:
    """Writes `target`, whole or not at all: a server that watches the folder loads a version the moment it appears."""
    partial = target.with_name(f"partial-{target.name}")  # not a number, so not a version
    classifier = JpegClassifier(network)
    tf.saved_model.save(classifier, str(partial), signatures={"serving_default": classifier.serve})
    partial.rename(target)


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="holds <name>/<version>/ afterwards")
    parser.add_argument("--name", default="resnet", help="the model's name in the server's URL; default: resnet")
    parser.add_argument("--version", type=int, default=1, help="the server loads the highest number; default: 1")
    parser.add_argument("--weights", choices=["imagenet", "random"], default="imagenet", help="default: imagenet")
    given = parser.parse_args(arguments)

    given.target = given.out / given.name / str(given.version)
    problems = []
    if not re.fullmatch(r"[A-Za-z0-9_-]+", given.name):
        problems.append(f"--name must be letters, digits, '-' and '_', got {given.name!r}")
    if given.version < 1:
        problems.append(f"--version must be at least 1, got {given.version}")
    elif given.target.exists():
        problems.append(f"--version must be a new one, got {given.version}: {given.target} exists")
    if problems:
        parser.error("\n  ".join(problems))
    return given


def main() -> int:
    given = options()
    try:
        network = resnet50(given.weights)
    except Unreachable as problem:
        print(f"{problem}\nPut them at {WEIGHTS_FILE}, or take --weights random.", file=sys.stderr)
        return 1
    export(network, given.target)
    print(given.target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
