"""Survivors that are lived with: what a plan cannot know, by the operator's name."""

from collections.abc import Mapping

ACCEPTED: Mapping[str, str] = {
    "a chart's version that there is not": "a plan asks no chart repository, so it knows no list of versions",
    "a port where nobody listens": "a container may listen on a port that its manifest does not name",
    "a network policy lets nobody in": "a plan does not follow which packets a policy lets through",
    "no driver at all": "an image of one's own may have the driver: nothing in the stack says what is in it",
    "no toolkit at all": "an image of one's own may have the toolkit: nothing in the stack says what is in it",
}
