"""Public repository rules: the SDK, the rules, the tools' dependencies and the pinned sources."""

load("//release/sources/private:base_image.bzl", _base_image = "base_image")
load("//release/sources/private:go_module.bzl", _go_module = "go_module")
load("//release/sources/private:go_sdk_files.bzl", _go_sdk_files = "go_sdk_files")
load("//release/sources/private:host_tools.bzl", _host_tools = "host_tools")
load("//release/sources/private:line.bzl", _release_line = "release_line")
load("//release/sources/private:lines.bzl", _release_lines = "release_lines")
load("//release/sources/private:release_file.bzl", _release_file = "release_file")
load("//release/sources/private:source.bzl", _source = "source")

base_image = _base_image
go_module = _go_module
go_sdk_files = _go_sdk_files
host_tools = _host_tools
release_file = _release_file
release_line = _release_line
release_lines = _release_lines
source = _source
