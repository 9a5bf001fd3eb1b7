"""How repository rules start programs: with only a few variables of the user's environment."""

# The variables that a program may see; a star stands for the rest of a name. The reasons are in
# tools/internal/base/environ/table.go, which has the same names.
_PASS = [
    "ALL_PROXY",
    "APPDATA",
    "AWS_*",
    "AZURE_*",
    "CI_JOB_TOKEN",
    "CLOUDSDK_*",
    "COMSPEC",
    "CURL_CA_BUNDLE",
    "DBUS_SESSION_BUS_ADDRESS",
    "DEVELOPER_DIR",
    "DISPLAY",
    "DOCKER_CONFIG",
    "GCM_*",
    "GH_*",
    "GITHUB_TOKEN",
    "GITLAB_TOKEN",
    "GIT_ASKPASS",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_KEY_*",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_VALUE_*",
    "GIT_HTTP_PROXY_AUTHMETHOD",
    "GIT_HTTP_USER_AGENT",
    "GIT_PROXY_SSL_*",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_*",
    "GIT_TEST_ASSUME_DIFFERENT_OWNER",
    "GNUPGHOME",
    "GOAUTH",
    "GOENV",
    "GOINSECURE",
    "GONOPROXY",
    "GONOSUMDB",
    "GOOGLE_*",
    "GOPRIVATE",
    "GOPROXY",
    "GOSUMDB",
    "GOVCS",
    "GPG_TTY",
    "HOME",
    "HOMEDRIVE",
    "HOMEPATH",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "KRB5CCNAME",
    "KRB5_CONFIG",
    "LD_LIBRARY_PATH",
    "LOCALAPPDATA",
    "LOGNAME",
    "NETRC",
    "NIX_SSL_CERT_FILE",
    "NO_PROXY",
    "PASSWORD_STORE_*",
    "PATH",
    "PATHEXT",
    "PROGRAMDATA",
    "REGISTRY_AUTH_FILE",
    "RELEASE_CACHE",
    "RELEASE_PASS",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
    "SSH_AUTH_SOCK",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "SYSTEMROOT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "USER",
    "USERPROFILE",
    "VAULT_*",
    "WAYLAND_DISPLAY",
    "WINDIR",
    "XAUTHORITY",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_RUNTIME_DIR",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
]

# For asking the go command about its settings. An empty variable would let the file of go env -w decide.
_ASKED_GO = {
    "CGO_ENABLED": "0",
    "GO111MODULE": "on",
    "GOEXPERIMENT": "none",
    "GOFIPS140": "off",
    "GOFLAGS": "-modcacherw",
    "GOTOOLCHAIN": "local",
    "GOWORK": "off",
}

def _passes(name, also):
    for known in _PASS:
        if name == known or (known.endswith("*") and name.startswith(known[:-1])):
            return True
    return name in also and not [p for p in ["GO", "CGO_", "GIT_", "LC_"] if name.startswith(p)]

def execute(rctx, arguments, environment = {}, **kwargs):
    """Runs a program that sees only the variables in the table, and makes files that everybody may read.

    rctx.execute adds to the environment of Bazel's client, and cannot remove variables. So env removes the rest: its
    option -u is the same on Linux (GNU, busybox) and macOS, and no secret gets on a command line. Windows has no env:
    there the other variables are set to "". No rule depends on the variables that pass: they change how something is
    fetched, not what.

    Args:
        rctx: the repository context.
        arguments: the program and its arguments, as for rctx.execute.
        environment: more variables.
        **kwargs: other arguments of rctx.execute.

    Returns:
        the result of rctx.execute.
    """
    environment = {"LC_ALL": "C"} | environment
    windows = rctx.os.name.startswith("windows")
    also = rctx.os.environ.get("RELEASE_PASS", "").replace(",", " ").split(" ")
    rest = [
        name
        for name in rctx.os.environ.keys()
        if name and name not in environment and not _passes(name.upper() if windows else name, also)
    ]
    if windows:
        return rctx.execute(arguments, environment = {name: "" for name in rest} | environment, **kwargs)
    command = ["/usr/bin/env"]
    for name in rest:
        command += ["-u", name]
    return rctx.execute(command + ["/bin/sh", "-c", "umask 022 && exec \"$@\"", "sh"] + arguments, environment = environment, **kwargs)

def ask_go(rctx, go, names):
    """Asks a go command for the user's settings, from variables or from the file that go env -w writes.

    Args:
        rctx: the repository context.
        go: the go command's path.
        names: the settings; all have to be in the table.

    Returns:
        a dictionary: name to value.
    """
    environment = {"GOPATH": str(rctx.path("gopath"))} | _ASKED_GO
    root = go.realpath.dirname.dirname
    if root.get_child("src").get_child("runtime").exists:
        environment["GOROOT"] = str(root)
    result = execute(rctx, [go, "env", "-json"] + names, environment = environment)
    if result.return_code:
        fail("asking {} for {}:\n{}".format(go, " ".join(names), result.stderr))
    return json.decode(result.stdout)
