"""Public names for registering the rules' toolchain and its platforms."""

load("//release/rules/private:platforms.bzl", _PLATFORMS = "PLATFORMS", _UNIVERSAL = "UNIVERSAL", _constraints = "constraints")
load("//release/rules/private:toolchain.bzl", _release_tools = "release_tools")

PLATFORMS = _PLATFORMS
UNIVERSAL = _UNIVERSAL
platform_constraints = _constraints
release_tools = _release_tools
