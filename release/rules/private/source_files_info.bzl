"""Files of a pinned source, for the packaging rules."""

SourceFilesInfo = provider(
    doc = "Files that were taken out of a pinned source. They are in the directory <name>.files.",
    fields = {"modes": "File: <name>.files.json, which says which of them are executable: Modes of tools/internal/artifact/archive."},
)
