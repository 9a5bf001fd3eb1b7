"""A product's own check of its release."""

CheckInfo = provider(
    doc = "A check that //release:validate makes.",
    fields = {
        "files": "depset of File: what it needs when it runs.",
        "json": "string: the check in the form of package validate's type Own.",
        "runfiles": "runfiles of its command, or None.",
    },
)
