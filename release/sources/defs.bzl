"""Public names of release/sources that the BUILD files of pinned sources use."""

load("//release/sources/private:base_image_info.bzl", _BaseImageInfo = "BaseImageInfo")
load("//release/sources/private:base_image_layout.bzl", _base_image_layout = "base_image_layout")
load("//release/sources/private:go_module_metadata.bzl", _go_module_metadata = "go_module_metadata")
load("//release/sources/private:licenses_aspect.bzl", _LicensesInfo = "LicensesInfo", _licenses_aspect = "licenses_aspect")
load("//release/sources/private:package_error.bzl", _package_error = "package_error")
load("//release/sources/private:source_file.bzl", _source_file = "source_file")
load("//release/sources/private:source_info.bzl", _SourceInfo = "SourceInfo", _source_info = "source_info")

BaseImageInfo = _BaseImageInfo
LicensesInfo = _LicensesInfo
SourceInfo = _SourceInfo
base_image_layout = _base_image_layout
go_module_metadata = _go_module_metadata
licenses_aspect = _licenses_aspect
package_error = _package_error
source_file = _source_file
source_info = _source_info
