"""Analysis tests of charts, YAML files and dashboards."""

load("@bazel_skylib//lib:unittest.bzl", "analysistest", "asserts", "unittest")
load("//release/rules:defs.bzl", "ArtifactInfo", "ChartInfo", "release_chart", "release_dashboards", "release_yaml")

# buildifier: disable=bzl-visibility
load("//release/rules/private:semver.bzl", "is_semver")
load(":fakes.bzl", "failure_tests")

_EPOCH = 1700000000

def _semver_test_impl(ctx):
    env = unittest.begin(ctx)
    for version in ["1.2.3", "v1.2.3", "0.0.0", "1.2.3-rc.1", "1.31.0-alpha.0123abc", "1.2.3-0a", "1.2.3+build.007", "1.2.3-a-b+c-d"]:
        asserts.true(env, is_semver(version), version)
    for version in ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.2.x", "1.2.3-", "1.2.3-01", "1.2.3-a..b", "1.2.3-ä", "1.2.3+", "1.2.3+a_b", "latest", "-1.2.3", "1.2.-3", " 1.2.3"]:
        asserts.false(env, is_semver(version), version)
    return unittest.end(env)

_semver_test = unittest.make(_semver_test_impl)

def _spec(env):
    """Returns what the chart's action is given."""
    for action in analysistest.target_actions(env):
        if action.mnemonic == "FileWrite":
            return json.decode(action.content)
    return None

def _chart_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    asserts.equals(env, ["helm/samples/web-1.2.3.tgz"], target[ArtifactInfo].artifacts.keys())
    chart = target[ArtifactInfo].artifacts["helm/samples/web-1.2.3.tgz"]
    asserts.equals(env, ("chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip"), (chart.kind, chart.media_type))
    asserts.equals(env, "web", target[ChartInfo].name)
    action = [a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseChart"][0]
    asserts.true(env, {"--mtime": True}.get(action.argv[4]), "got " + str(action.argv))
    asserts.equals(env, str(_EPOCH), action.argv[5])
    spec = _spec(env)
    asserts.equals(env, ["Chart.yaml", "values.yaml"], sorted([f["path"] for f in spec["files"]]))
    asserts.equals(env, ("web", "1.2.3", "4.5.6"), (spec["name"], spec["version"], spec["appVersion"]))
    asserts.equals(env, {"values.yaml:image.hub": "registry.example", "values.yaml:image.tag": "1.2.3"}, spec["values"])
    asserts.equals(env, 1, len(spec["dependencies"]))
    asserts.true(env, target[ChartInfo].archive in action.outputs.to_list(), "the archive is the output")
    asserts.true(env, [f for f in action.inputs.to_list() if f.path == spec["dependencies"][0]], "the dependency is an input")
    return analysistest.end(env)

_chart_test = analysistest.make(_chart_test_impl)

def _no_chart_test_impl(ctx):
    env = analysistest.begin(ctx)
    target = analysistest.target_under_test(env)
    asserts.equals(env, {}, target[ArtifactInfo].artifacts)
    asserts.equals(env, [], analysistest.target_actions(env))
    return analysistest.end(env)

_no_chart_test = analysistest.make(_no_chart_test_impl)

def _yaml_test_impl(ctx):
    env = analysistest.begin(ctx)
    files = analysistest.target_under_test(env)[DefaultInfo].files.to_list()
    asserts.equals(env, ["default.yaml"], [f.basename for f in files])
    asserts.equals(env, {"spec.tag": "1.2.3"}, _spec(env))
    return analysistest.end(env)

_yaml_test = analysistest.make(_yaml_test_impl)

def _dashboards_test_impl(ctx):
    env = analysistest.begin(ctx)
    artifacts = analysistest.target_under_test(env)[ArtifactInfo].artifacts
    asserts.equals(env, ["grafana/mesh.json", "grafana/pilot.json"], sorted(artifacts.keys()))
    asserts.equals(env, ("dashboard", "application/json"), (artifacts["grafana/mesh.json"].kind, artifacts["grafana/mesh.json"].media_type))
    asserts.equals(env, 2, len([a for a in analysistest.target_actions(env) if a.mnemonic == "ReleaseDashboard"]))
    return analysistest.end(env)

_dashboards_test = analysistest.make(_dashboards_test_impl)

def _chart(name, **kwargs):
    release_chart(**({
        "name": name,
        "files": ["chart/Chart.yaml", "chart/values.yaml"],
        "source_date_epoch": _EPOCH,
        "tags": ["manual"],
        "version": "1.2.3",
    } | kwargs))

def _refusals():
    """Declares targets that have to fail; returns name → message."""
    _chart(name = "chart_outside", strip_prefix = "release/rules/tests/other")
    _chart(name = "chart_without_metadata", files = ["chart/values.yaml", "chart_test.bzl"])
    _chart(name = "chart_with_a_bad_value", values = {"image.tag": "1.2.3"})
    _chart(name = "same_chart", chart = "chart_of_it")
    _chart(name = "chart_of_it")
    _chart(name = "chart_with_two_of_a_name", dependencies = [":same_chart", ":chart_of_it"])
    _chart(name = "chart_on_none", dependencies = [":chart_of_no_version"])

    # Bazel finds cycles of targets. These are of names.
    _chart(name = "chart_in_a_cycle", chart = "cyclic", dependencies = [":chart_between"])
    _chart(name = "chart_between", chart = "between", dependencies = [":chart_deep"])
    _chart(name = "chart_deep", chart = "deep", dependencies = [":chart_of_a_cycle"])
    _chart(name = "chart_of_a_cycle", chart = "cyclic", version = "1.0.0")
    _chart(name = "chart_of_itself", chart = "base", dependencies = [":base_chart"])
    return {
        "chart_in_a_cycle": "cyclic dependency of charts: cyclic -> between -> deep -> cyclic: leave @//release/rules/tests:chart_between out of dependencies",
        "chart_of_itself": "cyclic dependency of charts: base -> base: leave @//release/rules/tests:base_chart out of dependencies",
        "chart_on_none": "//release/rules/tests:chart_of_no_version has no archive: its version \"latest\" is not semantic",
        "chart_outside": "release/rules/tests/chart/Chart.yaml is not in release/rules/tests/other, the directory of the chart: leave it out of files, or set strip_prefix",
        "chart_with_a_bad_value": "got value \"image.tag\", want FILE:PATH such as values.yaml:image.tag",
        "chart_with_two_of_a_name": "are both chart chart_of_it: leave one out of dependencies",
        "chart_without_metadata": "none of 2 files is a Chart.yaml: add it to files, or set strip_prefix to the directory with it",
    }

def chart_test_suite(name):
    """Declares the tests.

    Args:
        name: the suite's name.
    """
    _semver_test(name = "semver_test")
    tests = [":semver_test"]
    _chart(name = "base_chart", chart = "base")
    _chart(
        name = "web_chart",
        app_version = "4.5.6",
        chart = "web",
        dependencies = [":chart_wraps_its_name"],
        directory = "helm/samples",
        values = {"values.yaml:image.hub": "registry.example", "values.yaml:image.tag": "1.2.3"},
    )
    _chart(name = "chart_of_no_version", version = "latest")
    _chart(name = "chart_wraps_its_name", chart = "base", dependencies = [":base_chart"], version = "2.0.0")
    release_yaml(name = "yaml", out = "default.yaml", src = "chart/values.yaml", tags = ["manual"], values = {"spec.tag": "1.2.3"})
    release_dashboards(name = "dashboards", dashboards = ["mesh", "pilot"], files = ["chart_test.bzl"], tags = ["manual"], version = "1.2.3")
    for subject, test in {
        "chart_of_no_version": _no_chart_test,
        "dashboards": _dashboards_test,
        "web_chart": _chart_test,
        "yaml": _yaml_test,
    }.items():
        test(name = subject + "_test", target_under_test = ":" + subject)
        tests.append(":" + subject + "_test")
    tests += failure_tests(_refusals())
    native.test_suite(name = name, tests = tests)
