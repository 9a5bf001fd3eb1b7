"""A program for several platforms."""

BinaryInfo = provider(
    doc = "One program, linked or ready-made, for every platform of the release.",
    fields = {
        "files": "dict of string to File: platform, as linux-amd64 → executable.",
        "name": "string: the program's file name, without .exe.",
    },
)
