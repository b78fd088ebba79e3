"""import: each rule, by a document that breaks it and nothing else."""

import pytest

from eks_gpu.importers.findings import RULES
from tests.broken_cluster_configs import BROKEN_CLUSTER_CONFIGS
from tests.broken_manifests import BROKEN_MANIFESTS
from tests.imports import (
    auto_mode_pool,
    cluster_config,
    deployment,
    imported,
    managed,
    node_class,
    node_pool,
    self_managed,
    write,
)

BROKEN = [*BROKEN_CLUSTER_CONFIGS, *BROKEN_MANIFESTS]


@pytest.mark.parametrize(
    ("rule", "documents", "path", "said"),
    BROKEN,
    ids=[f"{rule}-{path.rpartition('.')[2]}" for rule, _, path, _ in BROKEN],
)
def test_a_document_that_breaks_one_rule_is_told_of_it_and_of_nothing_else(rule, documents, path, said, tmp_path):
    _, found = imported(write(tmp_path, *documents))
    assert [(finding.rule, finding.place.path) for finding in found] == [(rule, path)], found
    assert said in found[0].message


@pytest.mark.parametrize(
    "documents",
    [
        managed(),
        self_managed(),
        [node_pool()],
        [node_class(), node_pool()],
        [auto_mode_pool(), deployment()],
        [cluster_config()],
    ],
    ids=["managed", "self-managed", "node pool", "with class", "auto mode", "cluster"],
)
def test_what_the_broken_documents_are_made_from_breaks_nothing(documents, tmp_path):
    assert imported(write(tmp_path, *documents))[1] == []


def test_every_rule_is_broken_by_a_document_here():
    assert {rule for rule, *_ in BROKEN} == {*RULES}
