package environ

// kind is a set of kinds of processes.
type kind int

const (
	ofAll     kind = 1 << iota // every process
	ofNetwork                  // a process that may open a socket, or start one that does
	ofGit                      // git, and the go command where it may run git
	ofGoAsked                  // the go command when it is asked what the user has set: see GoDownloads
	ofOwn                      // this project's own programs
)

// variable is one of the environment's, or all whose names begin so where its name
// ends in a star.
type variable struct {
	name string
	of   kind
	why  string
}

// PassVariable names more variables that pass to what may open a socket, separated by
// commas: a program that a user has set up to have credentials may read any. GO, CGO_,
// GIT_ and LC_ variables are not among them.
const PassVariable = "RELEASE_PASS"

// table is all that passes. release/sources/private/execute.bzl has the same names,
// for the programs that repository rules start.
var table = []variable{
	{"PATH", ofAll, "where programs are; what a user has there is their choice of git"},
	{"TMPDIR", ofAll, "where temporary files are to be"},
	{"COMSPEC", ofAll, "Windows starts nothing without these"},
	{"PATHEXT", ofAll, "as COMSPEC"},
	{"SYSTEMROOT", ofAll, "as COMSPEC"},
	{"TEMP", ofAll, "TMPDIR of Windows"},
	{"TMP", ofAll, "TMPDIR of Windows"},
	{"WINDIR", ofAll, "as COMSPEC"},

	{"HOME", ofNetwork, ".netrc, .ssh, .git-credentials, .docker/config.json"},
	{"LOGNAME", ofNetwork, "who logs in by ssh where a URL does not say it"},
	{"USER", ofNetwork, "as LOGNAME"},
	{"XDG_CONFIG_HOME", ofNetwork, "where credentials and their programs have their settings"},
	{"XDG_CACHE_HOME", ofNetwork, "where they keep what they have been given"},
	{"XDG_DATA_HOME", ofNetwork, "as XDG_CACHE_HOME"},
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
	{"SSL_CERT_FILE", ofNetwork, "whom to believe; digests and sums vouch for what comes"},
	{"SSL_CERT_DIR", ofNetwork, "as SSL_CERT_FILE"},
	{"CURL_CA_BUNDLE", ofNetwork, "SSL_CERT_FILE of curl, which git uses"},
	{"NIX_SSL_CERT_FILE", ofNetwork, "SSL_CERT_FILE of programs from Nix"},
	{"NETRC", ofNetwork, "credentials: the file of the go command"},

	{"SSH_AUTH_SOCK", ofNetwork, "credentials: the agent of ssh"},
	{"SSH_ASKPASS", ofNetwork, "credentials: who asks for them"},
	{"SSH_ASKPASS_REQUIRE", ofNetwork, "as SSH_ASKPASS"},
	{"DISPLAY", ofNetwork, "where to ask for them"},
	{"WAYLAND_DISPLAY", ofNetwork, "as DISPLAY"},
	{"XAUTHORITY", ofNetwork, "as DISPLAY"},
	{"DBUS_SESSION_BUS_ADDRESS", ofNetwork, "credentials: the desktop's store"},
	{"GNUPGHOME", ofNetwork, "credentials: pass(1)"},
	{"GPG_TTY", ofNetwork, "as GNUPGHOME"},
	{"PASSWORD_STORE_*", ofNetwork, "as GNUPGHOME"},
	{"KRB5CCNAME", ofNetwork, "credentials: Kerberos"},
	{"KRB5_CONFIG", ofNetwork, "as KRB5CCNAME"},
	{"AWS_*", ofNetwork, "credentials: the helpers of git and of registries read those of their service"},
	{"AZURE_*", ofNetwork, "as AWS_"},
	{"CI_JOB_TOKEN", ofNetwork, "as AWS_"},
	{"CLOUDSDK_*", ofNetwork, "as AWS_"},
	{"GCM_*", ofNetwork, "as AWS_"},
	{"GH_*", ofNetwork, "as AWS_"},
	{"GITHUB_TOKEN", ofNetwork, "as AWS_"},
	{"GITLAB_TOKEN", ofNetwork, "as AWS_"},
	{"GOOGLE_*", ofNetwork, "as AWS_"},
	{"VAULT_*", ofNetwork, "as AWS_"},

	{"GIT_ASKPASS", ofGit, "credentials: who asks for them"},
	{"GIT_SSH", ofGit, "the ssh to use"},
	{"GIT_SSH_COMMAND", ofGit, "as GIT_SSH, with its options"},
	{"GIT_SSH_VARIANT", ofGit, "as GIT_SSH"},
	{"GIT_SSL_*", ofGit, "certificates"},
	{"GIT_PROXY_SSL_*", ofGit, "certificates of the proxy"},
	{"GIT_HTTP_PROXY_AUTHMETHOD", ofGit, "credentials for the proxy"},
	{"GIT_HTTP_USER_AGENT", ofGit, "some servers let in those that they know"},
	{"GIT_TEST_ASSUME_DIFFERENT_OWNER", ofGit, "has git refuse what it would take; for tests"},
	{"LD_LIBRARY_PATH", ofGit, "git is the user's own, and may not start without"},
	{"DEVELOPER_DIR", ofGit, "as LD_LIBRARY_PATH, on macOS"},

	{"GIT_CONFIG_COUNT", ofOwn, "GitAccess reads from these what is about access"},
	{"GIT_CONFIG_KEY_*", ofOwn, "as GIT_CONFIG_COUNT"},
	{"GIT_CONFIG_VALUE_*", ofOwn, "as GIT_CONFIG_COUNT"},
	{"GIT_CONFIG_GLOBAL", ofOwn, "as GIT_CONFIG_COUNT"},
	{"GIT_CONFIG_SYSTEM", ofOwn, "as GIT_CONFIG_COUNT"},
	{"GIT_CONFIG_NOSYSTEM", ofOwn, "as GIT_CONFIG_COUNT"},

	{"GOENV", ofGoAsked, "the file in which go env -w keeps what these have"},
	{"GOAUTH", ofGoAsked, "credentials for module proxies"},
	{"GOINSECURE", ofGoAsked, "whom to believe; sums vouch for what comes"},
	{"GONOPROXY", ofGoAsked, "where to download from"},
	{"GONOSUMDB", ofGoAsked, "who vouches for what has no sum yet"},
	{"GOPRIVATE", ofGoAsked, "as GONOPROXY and GONOSUMDB"},
	{"GOPROXY", ofGoAsked, "where to download from"},
	{"GOSUMDB", ofGoAsked, "who vouches for what has no sum yet"},
	{"GOVCS", ofGoAsked, "what may be run to download"},

	{"RELEASE_CACHE", ofOwn, "where the go command keeps what it computes"},
	{"DOCKER_CONFIG", ofOwn, "credentials for registries"},
	{"REGISTRY_AUTH_FILE", ofOwn, "credentials for registries"},
	{PassVariable, ofOwn, "see there"},
}
