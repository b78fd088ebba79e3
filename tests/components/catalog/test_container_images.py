"""Container images of one architecture: by their reference, or by what their makers say."""

import pytest

from components.catalog.container_images import image_architecture


@pytest.mark.parametrize(
    ("reference", "architecture"),
    [
        ("example/app:1.2-arm64", "arm64"),
        ("example/app-aarch64:1", "arm64"),
        ("arm64v8/python:3.12", "arm64"),
        ("registry.example:5000/amd64/app", "amd64"),
        ("example/app:x86_64", "amd64"),
        ("example/app:amd64-and-arm64", None),
        ("example/app:1", None),
        ("example/farm64x:1", None),
        ("example/app@sha256:amd64", None),
        ("ghcr.io/huggingface/text-generation-inference:3.3.4", "amd64"),
        ("docker.io/xprobe/xinference", "amd64"),
        ("", None),
    ],
)
def test_an_image_is_for_the_architecture_that_it_names(reference, architecture):
    assert image_architecture(reference) == architecture
