// Publish publishes the built release to buckets, registries, git repositories and GitHub.
//
//	tools/bazel run //release:publish -- --stage             to the line's profile "stage"
//	tools/bazel run //release:publish -- --production        to its profile "production"
//	tools/bazel run //release:publish -- --destinations FILE:PROFILE
//	tools/bazel run //release:publish -- --stage --plan      show what it would do, change nothing
//	tools/bazel run //release:promote -- VERSION --production   from the stage, without a build
//	tools/bazel run //release:yank -- VERSION --production      back to the release before
//
// Profiles are in manifests/<line>/destinations.yaml. Flags override a profile, or give all
// destinations if no profile is named.
//
// First it plans: what each destination has, what to create, what conflicts. A conflict
// anywhere ends the run before anything is changed. Then it uploads all content to all
// destinations and reads it back. Then it writes the receipt, PREFIX/VERSION.receipt.json, to
// each bucket: the files of the release, and what each destination has of it. Only then it
// moves the pointers by which people find the release: registry tags, indexes of charts and
// packages, aliases, git tags, GitHub's draft, branches of repositories that get a commit. If
// a run stops half-way, run the same command again: it resumes, and sends nothing that is
// already there.
//
// The receipt depends only on the release, the profile and the notes: a second run finds it
// equal. A receipt with fewer destinations is replaced. A receipt of another build of the
// version is a conflict. With --only no receipt is written, and an existing one stays.
//
// An alias, such as latest, points to a release by the rule in its profile: stable, the
// highest version that is not a pre-release; highest, pre-releases included; newest, of the
// pre-releases of one version the one with the newest commit. An alias that does not move by
// its rule is a line of the plan, not a conflict. --allow-downgrade latest,1.31 moves these
// aliases to this release, against their rules; each must be an alias of a destination. On
// the command line NAME=RULE sets a rule: --gcsaliases latest=newest. On GitHub, a version
// that latest never takes is marked as a pre-release, and a release with that mark is never
// the latest.
//
// --promote VERSION publishes what is on the stage. It finds the receipt in a bucket of the
// stage, from any machine. It checks that the stage still has everything in the receipt, and
// downloads what has no SHA-256 from the service. Then it copies the release from that
// bucket, on the server if the service can. It builds nothing. --promote
// VERSION@sha256:DIGEST takes only that receipt, which publish printed: then nobody who can
// write to the stage can change what is promoted. The stage is the profile that the key from
// of the promoted profile names. If a file has the profiles stage and production, production
// has from: stage by default; from: build turns that off. A profile with from accepts
// promotions only.
//
// --events FILE publishes a release that a build left in the remote cache: with
// --remote_download_minimal nothing of it is downloaded. FILE is what Bazel's flag
// --build_event_json_file wrote. The cache has to be one of the variables RELEASE_REMOTE_*. Only
// what a destination lacks is read, and compared with its digest. The program release has the
// flag too, and needs no Bazel; //release:publish would download the release first.
//
// --preflight asks each destination what may stop a publication, before it begins: the
// permissions of these credentials, whether repositories are archived, the space on a disk. It
// also shows, for each server, how far this machine's clock is off and until when the
// certificate is valid. Where a service only tells by a write it says unknown. A registry is
// asked by an upload that is begun and cancelled. Every publication asks the destinations that
// it changes, and ends before the first write if one says no.
//
// --plan --out FILE also writes the plan to a file that people can approve: see approve.
// --approved FILE carries out just that plan, and refuses if anything that it is about has
// changed since. A profile with the key approval accepts only plans that its people approved.
//
// The notes of a GitHub release list the sources that it was built from, with links to their
// commits. With --since PATH, the lock.json or the directory of an earlier release, they also
// list the changes since, with links that compare the commits. The notes are planned and
// published like the rest: every run to one profile needs the same --since. --notes FILE
// replaces the notes by your own.
//
// --cosignkey KEY, or sign: KEY in the profile, signs the release: SHA256SUMS, the provenance,
// and each image's index and manifests. A signature is a sigstore bundle, which cosign verifies
// with the public key. In a bucket and on GitHub it is beside what it signs, with the suffix
// .sigstore.json; a bucket also has those of images, below signatures/. In a registry it is a
// referrer of the manifest, as SBOM and provenance are. KEY is a file of cosign's or a PEM
// file with a private key; env://NAME for a variable with its content; or a key in a key
// management service: gcpkms://…, awskms://…, and NAME://… for a program sigstore-kms-NAME.
// The password of a key is in COSIGN_PASSWORD or --cosignpassword FILE. A key that cannot be
// used ends the run before anything is read or written. A second run makes the same
// signatures, or finds those that are there. A promotion publishes the signatures of the
// stage, except those that are not by the key of the promoted profile, if that has one: these
// it makes anew.
//
// --yank VERSION makes the pointers leave a release that is published. Aliases, tags of
// images and charts, branches and GitHub's latest that point to it move to the release before: the highest version
// below it that has a receipt, is not yanked, and is no pre-release unless VERSION is one; --to
// VERSION names another. Its charts and packages leave the indexes. Its content, its tag and its
// receipt stay, for those who use it by its version. Before anything moves, the release before
// has to be there with everything in its receipt. A pointer to another release stays. Each
// bucket gets a record, PREFIX/VERSION.yanked.json, with the reason of --why: as long as it is
// there, nobody can publish the version again. A yank that stops half-way is resumed by the same
// command. An alias such as 1.2, which the release before does not have, stays, and publish says
// so.
//
// A stage with {state} in its URLs is a directory of one machine, and so are its receipts.
//
// It writes plan.json, receipt.json and ledger.json to a directory for the line, profile and
// version below $XDG_STATE_HOME/release-builder, by default ~/.local/state/release-builder,
// and prints where. With --only the names end in the kinds, such as receipt-bucket.json. No
// command needs these files: they can be deleted.
//
// While it works, it shows for each destination how much is sent, of how much, how fast, and how
// long it may take: on a terminal as bars, otherwise as a line now and then. With --json each of
// these, each warning, error and hint is a line of JSON on standard error, with the fields time,
// task, done, total, perSecond, left (seconds), ended, message, error and hint; the plan or the
// receipt on standard output is JSON.
//
// Credentials are those of each service: Application Default Credentials, the AWS
// configuration, Docker's credential helpers and config.json, git's credential helpers, and
// for GitHub --githubtoken, GH_TOKEN or GITHUB_TOKEN, and for grafana.com --grafanatoken or
// GRAFANA_TOKEN. A token is in a file, or in a variable: env://NAME. Package repositories are
// signed with the key in the profile or --packagekey. GITHUB_API_URL,
// STORAGE_EMULATOR_HOST and AWS_ENDPOINT_URL set other servers.
//
// Exit status: 0 the release is published, or with --plan there is nothing to do, or with
// --preflight nothing is bad; 1 a conflict or a failure; 2 the command line is wrong; 3 with --plan there are changes to
// make.
package main

import (
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/command/publish"
)

func main() { cli.Main(publish.Run) }
