"""Container images: their sizes, and those of one architecture, by their reference or by what their makers say."""

import pytest

from components.catalog.container_images import image_architecture, image_gb, repository


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


@pytest.mark.parametrize(
    ("reference", "gb"),
    [
        ("registry.k8s.io/pause:3.10", 0.00032),
        ("k8s.gcr.io/pause-amd64:3.2", 0.00032),
        ("rancher/mirrored-pause@sha256:0", 0.00032),
        ("pause", 0.00032),
        ("registry.example:5000/mirror/registry.k8s.io/pause:3.10", 0.00032),
        ("example/pauses:1", None),
        ("nvcr.io/nvidia/tritonserver:26.07-py3@sha256:0", 15.5),
        ("registry.example:5000/mirror/nvcr.io/nvidia/tritonserver", 15.5),
        ("example/tritonserver:26.07-py3", None),
        ("public.ecr.aws/amazonlinux/amazonlinux:2023-minimal", 0.0374),
        ("public.ecr.aws/amazonlinux/amazonlinux:2023", None),
        ("docker.io/amazon/aws-cli", 0.129),
        ("amazon/aws-cli:latest", 0.129),
        ("", None),
    ],
)
def test_an_image_whose_size_is_known(reference, gb):
    assert image_gb(reference) == gb


def test_a_port_is_no_tag():
    assert repository("registry.example:5000/app") == "registry.example:5000/app"
    assert repository("registry.example:5000/app:1@sha256:0") == "registry.example:5000/app"
