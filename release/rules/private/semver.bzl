"""Semantic versions (https://semver.org/spec/v2.0.0.html)."""

_DIGITS = "0123456789"
_WORD = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-" + _DIGITS

def _consists_of(text, characters):
    return bool(text) and not text.strip(characters) and all([c in characters for c in text.elems()])

def _is_number(text):
    return _consists_of(text, _DIGITS) and (text == "0" or text[0] != "0")

def is_semver(version):
    """Reports whether a version is semantic. A v before it is allowed, as Helm does.

    Args:
        version: the version.

    Returns:
        a bool.
    """
    rest, plus, build = version.removeprefix("v").partition("+")
    core, dash, pre = rest.partition("-")
    numbers = core.split(".")
    if len(numbers) != 3 or not all([_is_number(n) for n in numbers]):
        return False
    if dash and not all([_consists_of(word, _WORD) and (_is_number(word) or not _consists_of(word, _DIGITS)) for word in pre.split(".")]):
        return False
    return not plus or all([_consists_of(word, _WORD) for word in build.split(".")])
