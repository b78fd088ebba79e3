"""Text of a certain form, refused with an example of it: a person cannot read what a regular expression wants."""

import re

from pydantic import AfterValidator

from .validation_messages import refused


def like(pattern: str, rule: str) -> AfterValidator:
    """For `Annotated[str, like(...)]`: all of the text must match. rule: the form in words, as "a name, as resnet"."""
    form = re.compile(pattern, re.ASCII)

    def matching(text: str) -> str:
        if not form.fullmatch(text):
            raise refused(f"must be {rule}")
        return text

    return AfterValidator(matching)
