"""Texts of the grammar of quantities and of durations, for laws and for comparison with Go."""

from hypothesis import strategies as st

POWERS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
POWERS |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60}
DIGITS = st.text("0123456789", max_size=12)


def numbers() -> st.SearchStrategy[str]:
    """A sign or none, and digits around a point or none."""
    spelt = st.one_of(
        st.text("0123456789", min_size=1, max_size=12),
        st.builds("{}.{}".format, DIGITS, DIGITS).filter(lambda text: text != "."),
    )
    return st.builds("{}{}".format, st.sampled_from(["", "+", "-"]), spelt)


def quantities() -> st.SearchStrategy[str]:
    """Numbers with a suffix, an exponent or nothing."""
    exponents = st.builds("{}{}".format, st.sampled_from("eE"), st.integers(-15, 15))
    return st.builds("{}{}".format, numbers(), st.one_of(st.sampled_from(["n", "u", "m", *POWERS]), exponents))


def durations() -> st.SearchStrategy[str]:
    """One to four parts, in any order of units."""
    number = st.one_of(
        st.text("0123456789", min_size=1, max_size=5),
        st.builds("{}.{}".format, DIGITS.map(lambda text: text[:5]), DIGITS).filter(lambda text: text != "."),
    )
    part = st.builds("{}{}".format, number, st.sampled_from(["ns", "us", "µs", "μs", "ms", "s", "m", "h"]))
    return st.builds(
        "{}{}".format, st.sampled_from(["", "+", "-"]), st.lists(part, min_size=1, max_size=4).map("".join)
    )


def broken() -> st.SearchStrategy[str]:
    """Texts of the letters of both grammars, few of them valid."""
    return st.text("0123456789.+-eEinumkKMGTPshµ ", max_size=8)
