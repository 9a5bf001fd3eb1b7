"""The public repository rule that needs rules_go."""

load("//release/sources/private:go_tools.bzl", _go_tools = "go_tools")

go_tools = _go_tools
