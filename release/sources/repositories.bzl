"""The repository rules that @release_lines//:sources.bzl calls."""

load("//release/sources/private:base_image.bzl", _base_image = "base_image")
load("//release/sources/private:line.bzl", _release_line = "release_line")
load("//release/sources/private:release_file.bzl", _release_file = "release_file")
load("//release/sources/private:source.bzl", _source = "source")

base_image = _base_image
release_file = _release_file
release_line = _release_line
source = _source
