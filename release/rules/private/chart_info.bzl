"""A Helm chart of a release, for the charts that depend on it."""

ChartInfo = provider(
    doc = "A Helm chart of a release.",
    fields = {
        "archive": "File: the chart's archive; None if there is none because the version is not semantic.",
        "name": "string: the chart's name.",
    },
)
