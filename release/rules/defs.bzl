"""Public rules: what a product's BUILD file calls."""

load("//release/rules/private:artifact_info.bzl", _ArtifactInfo = "ArtifactInfo")
load("//release/rules/private:binary_info.bzl", _BinaryInfo = "BinaryInfo")
load("//release/rules/private:check_info.bzl", _CheckInfo = "CheckInfo")
load("//release/rules/private:image_info.bzl", _ImageInfo = "ImageInfo")
load("//release/rules/private:release.bzl", _release = "release")
load("//release/rules/private:release_archive.bzl", _release_archive = "release_archive")
load("//release/rules/private:release_binary.bzl", _release_binary = "release_binary")
load("//release/rules/private:release_ca_bundle.bzl", _release_ca_bundle = "release_ca_bundle")
load("//release/rules/private:release_check.bzl", _release_check = "release_check")
load("//release/rules/private:release_command.bzl", _release_command = "release_command")
load("//release/rules/private:release_completions.bzl", _release_completions = "release_completions")
load("//release/rules/private:release_image.bzl", _release_image = "release_image")
load("//release/rules/private:release_info.bzl", _ReleaseInfo = "ReleaseInfo")
load("//release/rules/private:release_manifest.bzl", _release_manifest = "release_manifest")
load("//release/rules/private:release_package_manifests.bzl", _release_package_manifests = "release_package_manifests")
load("//release/rules/private:release_platform_file.bzl", _release_platform_file = "release_platform_file")
load("//release/rules/private:release_tree.bzl", _release_tree = "release_tree")

ArtifactInfo = _ArtifactInfo
BinaryInfo = _BinaryInfo
CheckInfo = _CheckInfo
ImageInfo = _ImageInfo
ReleaseInfo = _ReleaseInfo
release = _release
release_archive = _release_archive
release_binary = _release_binary
release_ca_bundle = _release_ca_bundle
release_check = _release_check
release_command = _release_command
release_completions = _release_completions
release_image = _release_image
release_manifest = _release_manifest
release_package_manifests = _release_package_manifests
release_platform_file = _release_platform_file
release_tree = _release_tree
