"""The first half of a workspace with a WORKSPACE file. The second half is in :go.bzl."""

load("//release/sources/private:lines.bzl", "release_lines")
load("//release/sources/private:tools.bzl", "tool_repositories")

def release_workspace(line = ""):
    """Declares the Go SDK, the Go rules, the programs that fetch and build, and the locks of manifests/.

    Args:
        line: the active line if RELEASE_LINE is not set. Default: the only line.
    """
    tool_repositories()
    release_lines(name = "release_lines", default = line)
