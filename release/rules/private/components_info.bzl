"""What a release consists of."""

ComponentsInfo = provider(
    doc = "The components of a release, with their licences.",
    fields = {"document": "File: JSON, the Document of tools/internal/artifact/license."},
)
