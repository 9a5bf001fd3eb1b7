"""Public names for registering the rules' toolchain."""

load("//release/rules/private:platforms.bzl", _PLATFORMS = "PLATFORMS")
load("//release/rules/private:toolchain.bzl", _release_tools = "release_tools")

PLATFORMS = _PLATFORMS
release_tools = _release_tools
