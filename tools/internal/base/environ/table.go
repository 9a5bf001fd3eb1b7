package environ

// kind is a set of kinds of processes.
type kind int

const (
	ofAll     kind = 1 << iota // every process
	ofNetwork                  // a process that may use the network, or start one that does
	ofGit                      // git, and the go command where it may run git
	ofGoAsked                  // the go command when it is asked for the user's settings: see GoDownloads
	ofOwn                      // this project's own programs
)

// variable is an environment variable. If its name ends in a star, it stands for all that
// begin so.
type variable struct {
	name string
	of   kind
	why  string
}

// PassVariable lists further variables that pass to processes that may use the network,
// separated by commas: a credential helper may read any. GO, CGO_, GIT_ and LC_ variables
// cannot be listed.
const PassVariable = "RELEASE_PASS"

// table lists all variables that pass. release/sources/private/execute.bzl has the same
// names, for the programs that repository rules start.
var table = []variable{
	{"PATH", ofAll, "where programs are; the user chooses git by it"},
	{"TMPDIR", ofAll, "where temporary files go"},
	{"COMSPEC", ofAll, "Windows starts no program without these"},
	{"PATHEXT", ofAll, "like COMSPEC"},
	{"SYSTEMROOT", ofAll, "like COMSPEC"},
	{"TEMP", ofAll, "TMPDIR of Windows"},
	{"TMP", ofAll, "TMPDIR of Windows"},
	{"WINDIR", ofAll, "like COMSPEC"},

	{"HOME", ofNetwork, ".netrc, .ssh, .git-credentials, .docker/config.json"},
	{"LOGNAME", ofNetwork, "the user name for ssh if the URL has none"},
	{"USER", ofNetwork, "like LOGNAME"},
	{"XDG_CONFIG_HOME", ofNetwork, "where credential helpers keep settings"},
	{"XDG_CACHE_HOME", ofNetwork, "where credential helpers keep tokens"},
	{"XDG_DATA_HOME", ofNetwork, "like XDG_CACHE_HOME"},
	{"XDG_RUNTIME_DIR", ofNetwork, "the sockets of agents; credentials of containers"},
	{"APPDATA", ofNetwork, "XDG_CONFIG_HOME of Windows"},
	{"HOMEDRIVE", ofNetwork, "HOME of Windows"},
	{"HOMEPATH", ofNetwork, "HOME of Windows"},
	{"LOCALAPPDATA", ofNetwork, "XDG_CACHE_HOME of Windows"},
	{"PROGRAMDATA", ofNetwork, "certificates and ssh of Windows"},
	{"USERPROFILE", ofNetwork, "HOME of Windows"},

	{"HTTP_PROXY", ofNetwork, "the way to servers"},
	{"HTTPS_PROXY", ofNetwork, "the way to servers"},
	{"NO_PROXY", ofNetwork, "the way to servers"},
	{"ALL_PROXY", ofNetwork, "the way to servers"},
	{"http_proxy", ofNetwork, "the way to servers"},
	{"https_proxy", ofNetwork, "the way to servers"},
	{"no_proxy", ofNetwork, "the way to servers"},
	{"all_proxy", ofNetwork, "the way to servers"},
	{"SSL_CERT_FILE", ofNetwork, "trusted certificates; digests and sums verify what is fetched"},
	{"SSL_CERT_DIR", ofNetwork, "like SSL_CERT_FILE"},
	{"CURL_CA_BUNDLE", ofNetwork, "SSL_CERT_FILE of curl, which git uses"},
	{"NIX_SSL_CERT_FILE", ofNetwork, "SSL_CERT_FILE of programs from Nix"},
	{"NETRC", ofNetwork, "credentials: the file of the go command"},

	{"SSH_AUTH_SOCK", ofNetwork, "credentials: the agent of ssh"},
	{"SSH_ASKPASS", ofNetwork, "credentials: the program that asks for them"},
	{"SSH_ASKPASS_REQUIRE", ofNetwork, "like SSH_ASKPASS"},
	{"DISPLAY", ofNetwork, "where that program asks"},
	{"WAYLAND_DISPLAY", ofNetwork, "like DISPLAY"},
	{"XAUTHORITY", ofNetwork, "like DISPLAY"},
	{"DBUS_SESSION_BUS_ADDRESS", ofNetwork, "credentials: the desktop's store"},
	{"GNUPGHOME", ofNetwork, "credentials: pass(1)"},
	{"GPG_TTY", ofNetwork, "like GNUPGHOME"},
	{"PASSWORD_STORE_*", ofNetwork, "like GNUPGHOME"},
	{"KRB5CCNAME", ofNetwork, "credentials: Kerberos"},
	{"KRB5_CONFIG", ofNetwork, "like KRB5CCNAME"},
	{"AWS_*", ofNetwork, "credentials: the helpers of git and registries read them"},
	{"AZURE_*", ofNetwork, "like AWS_"},
	{"CI_JOB_TOKEN", ofNetwork, "like AWS_"},
	{"CLOUDSDK_*", ofNetwork, "like AWS_"},
	{"GCM_*", ofNetwork, "like AWS_"},
	{"GH_*", ofNetwork, "like AWS_"},
	{"GITHUB_TOKEN", ofNetwork, "like AWS_"},
	{"GITLAB_TOKEN", ofNetwork, "like AWS_"},
	{"GOOGLE_*", ofNetwork, "like AWS_"},
	{"VAULT_*", ofNetwork, "like AWS_"},

	{"GIT_ASKPASS", ofGit, "credentials: who asks for them"},
	{"GIT_SSH", ofGit, "the ssh to use"},
	{"GIT_SSH_COMMAND", ofGit, "like GIT_SSH, with options"},
	{"GIT_SSH_VARIANT", ofGit, "like GIT_SSH"},
	{"GIT_SSL_*", ofGit, "certificates"},
	{"GIT_PROXY_SSL_*", ofGit, "certificates of the proxy"},
	{"GIT_HTTP_PROXY_AUTHMETHOD", ofGit, "credentials for the proxy"},
	{"GIT_HTTP_USER_AGENT", ofGit, "some servers allow known user agents only"},
	{"GIT_TEST_ASSUME_DIFFERENT_OWNER", ofGit, "makes git refuse protocols; for tests"},
	{"LD_LIBRARY_PATH", ofGit, "the user's git may not start without it"},
	{"DEVELOPER_DIR", ofGit, "LD_LIBRARY_PATH of macOS"},

	{"GIT_CONFIG_COUNT", ofOwn, "GitAccess reads the settings for access from these"},
	{"GIT_CONFIG_KEY_*", ofOwn, "like GIT_CONFIG_COUNT"},
	{"GIT_CONFIG_VALUE_*", ofOwn, "like GIT_CONFIG_COUNT"},
	{"GIT_CONFIG_GLOBAL", ofOwn, "like GIT_CONFIG_COUNT"},
	{"GIT_CONFIG_SYSTEM", ofOwn, "like GIT_CONFIG_COUNT"},
	{"GIT_CONFIG_NOSYSTEM", ofOwn, "like GIT_CONFIG_COUNT"},

	{"GOENV", ofGoAsked, "the file in which go env -w keeps the settings below"},
	{"GOAUTH", ofGoAsked, "credentials for module proxies"},
	{"GOINSECURE", ofGoAsked, "hosts without verified TLS; sums verify what is fetched"},
	{"GONOPROXY", ofGoAsked, "where to download from"},
	{"GONOSUMDB", ofGoAsked, "which database verifies what has no sum yet"},
	{"GOPRIVATE", ofGoAsked, "GONOPROXY and GONOSUMDB in one"},
	{"GOPROXY", ofGoAsked, "where to download from"},
	{"GOSUMDB", ofGoAsked, "which database verifies what has no sum yet"},
	{"GOVCS", ofGoAsked, "which version control programs may run"},

	{"RELEASE_CACHE", ofOwn, "where the go command keeps build results"},
	{"DOCKER_CONFIG", ofOwn, "credentials for registries"},
	{"REGISTRY_AUTH_FILE", ofOwn, "credentials for registries"},
	{PassVariable, ofOwn, "see there"},
}
