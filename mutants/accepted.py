"""Survivors that are lived with: what a plan cannot know, by the operator's name."""

from collections.abc import Mapping

_LATER = "one of the statements is for tags that Karpenter writes later, such as a name: nodes come without it"
ACCEPTED: Mapping[str, str] = {
    "a chart's version that there is not": "a plan asks no chart repository, so it knows no list of versions",
    "a condition on another account's name of the pool": _LATER,
    "a condition with another value": _LATER,
    "no driver at all": "an image of one's own may have the driver: nothing in the stack says what is in it",
    "nothing says when empty nodes go": "Karpenter 1.15 fills in 0s: an empty node goes at once, which costs nothing",
    "no toolkit at all": "an image of one's own may have the toolkit: nothing in the stack says what is in it",
}
