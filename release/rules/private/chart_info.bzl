"""A Helm chart of a release, for the charts that depend on it."""

ChartInfo = provider(
    doc = "A Helm chart of a release.",
    fields = {
        "archive": "File: the chart's archive; None if there is none because the version is not semantic.",
        "inside": "dict of string to string: the name of each chart in it, at any depth → the names on the way there, such as web -> base.",
        "name": "string: the chart's name.",
        "version": "string: the chart's version.",
    },
)
