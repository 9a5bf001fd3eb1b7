"""The checks of Istio's release: those of istio/release-builder, and more.

Digests, images for all architectures, bills of materials and the like are checked for every product.
"""

load("//release/rules:defs.bzl", "is_semver")

# The configuration of each image.
_IMAGES = {
    "install-cni": dict(
        contains = [
            "opt/cni/bin/istio-cni",
            "usr/local/bin/install-cni",
        ],
        env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/cni/bin"],
        labels = {"description": "Istio CNI plugin installer."},
        user = "0:0",
    ),
    "istioctl": dict(
        contains = ["usr/local/bin/istioctl"],
        entrypoint = ["/usr/local/bin/istioctl"],
        user = "1000:1000",
    ),
    "pilot": dict(
        contains = ["usr/local/bin/pilot-discovery"],
        entrypoint = ["/usr/local/bin/pilot-discovery"],
        user = "1337:1337",
    ),
}

def _proxies(proxies, commits, version):
    """Returns the images that there are with Envoy and ztunnel, as in _IMAGES."""
    images = {}
    if "envoy" in proxies:
        images["proxyv2"] = dict(
            contains = [
                "usr/local/bin/envoy",
                "usr/local/bin/pilot-agent",
                "var/lib/istio/envoy/envoy_bootstrap_tmpl.json",
            ],
            entrypoint = ["/usr/local/bin/pilot-agent"],
            env = ["ISTIO_META_ISTIO_PROXY_SHA=" + commits.get("proxy", "")],
            user = "0:0",
        )
    if "ztunnel" in proxies:
        images["ztunnel"] = dict(
            contains = ["usr/local/bin/ztunnel"],
            entrypoint = ["/usr/local/bin/ztunnel"],
            env = ["ISTIO_META_ISTIO_VERSION=" + version],
            user = "0:0",
        )
    return images

def _stamped(file, at, hub, version):
    return {
        "{}:{}.{}".format(file, at, key): value
        for key, value in {
            "hub": hub,
            "tag": version,
        }.items()
        if at
    }

def _istioctl(check, all_charts, commits, hub, version):
    """Declares the checks of the archives with istioctl."""
    check(
        name = "istioctl-version",
        args = [
            "version",
            "--remote=false",
            "--output=json",
        ],
        artifacts = ["istioctl-{}-*".format(version)],
        output = '(?s)"version": "{0}".*"revision": "{1}".*"tag": "{0}"'.format(version, commits["istio"]),
        program = "istioctl",
    )
    top = "istio-{}/".format(version)
    values = _stamped(top + "manifests/profiles/default.yaml", "spec", hub, version)
    for path, at in all_charts.values():
        values |= _stamped("{}manifests/charts/{}/values.yaml".format(top, path), at, hub, version)
    check(
        name = "archive",
        allow = {"istio-{0}-*/{1}samples/certs/*-key*.pem".format(version, top): "keys of examples"},
        args = [
            "version",
            "--remote=false",
            "--short",
        ],
        artifacts = ["istio-{}-*".format(version)],
        contains = [top + path for path in [
            "LICENSE",
            "README.md",
            "manifest.yaml",
            "samples/bookinfo/platform/kube/bookinfo.yaml",
            "tools/_istioctl",
            "tools/certs/README.md",
            "tools/istioctl.bash",
        ] + ["manifests/charts/{}/Chart.yaml".format(path) for path, _ in all_charts.values()]],
        output = version,
        program = top + "bin/istioctl",
        values = values,
    )

def checks(all_charts, check, charts, commits, dashboards, hub, proxies, version):
    """Declares the checks.

    Args:
        all_charts: the charts of the archive: name → directory below manifests/charts, and where the hub and the tag are.
        check: the rule.
        charts: those of them that are below helm/.
        commits: COMMITS of the line.
        dashboards: DASHBOARDS of the line.
        hub: the hub of the images.
        proxies: those of envoy and ztunnel that there are.
        version: the release's version.
    """
    _istioctl(check, all_charts, commits, hub, version)

    # Helm accepts no other version, so that there are no charts.
    for name, (_, at) in charts.items() if is_semver(version) else []:
        check(
            name = name + "-chart",
            artifacts = ["helm/{}-{}.tgz".format(name, version)],
            values = {
                "{}/Chart.yaml:appVersion".format(name): version,
                "{}/Chart.yaml:version".format(name): version,
            } | _stamped(name + "/values.yaml", at, hub, version),
        )
    for name, config in (_IMAGES | _proxies(proxies, commits, version)).items():
        check(
            name = name + "-config",
            artifacts = ["images/" + name],
            **config
        )
    check(
        name = "dependencies",
        artifacts = ["manifest.yaml"],
        values = {
            ":dependencies." + name: ""
            for name in [
                "api",
                "client-go",
                "istio",
            ] + (["proxy"] if "envoy" in proxies else [])
        },
    )
    packages = ["istioctl"] + (["istio-sidecar"] if "envoy" in proxies else [])
    check(
        name = "files",
        contains = ["sources.tar.gz"] +
                   ["{0}/{1}.{0}".format(kind, package) for kind in [
                       "deb",
                       "rpm",
                   ] for package in packages] +
                   ["grafana/{}.json".format(name) for name in dashboards] +
                   ["licenses/{}.tar.gz".format(name) for name in [
                       "api",
                       "client-go",
                       "istio",
                   ]],
    )
