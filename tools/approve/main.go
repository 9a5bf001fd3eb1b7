// Approve shows a plan that publish wrote, and signs it.
//
//	tools/bazel run //release:publish -- --production --plan --out plan.json
//	tools/bazel run //release:approve -- plan.json
//	tools/bazel run //release:approve -- plan.json --key ~/.ssh/id_ed25519
//	tools/bazel run //release:publish -- --production --approved plan.json
//
// A profile in destinations.yaml says who has to approve what is published to it:
//
//	production:
//	  approval:
//	    keys:
//	      - alice ssh-ed25519 AAAA…    # a line of alice's id_ed25519.pub, with a name before it
//	      - bob cosign MFkw…           # the lines between BEGIN and END of bob's cosign.pub, as one
//	    required: 2                    # how many of them
//	    valid: 72h                     # for how long, from the plan on; this is the default
//
// Without --key, approve shows the plan, and who has approved it. With --key it signs it, if
// the key is one of the profile's, and writes the signature beside the plan, to
// plan.json.NAME.sig or plan.json.NAME.sigstore.json. Send that file to whoever publishes: it
// has to be beside the plan. The plan has to stay as it is, byte for byte.
//
// KEY is a file with a key of SSH, or with its public key if an agent or a security token has
// the private one: then ssh-keygen signs, and asks for a passphrase. Or KEY is one of cosign's,
// as for publish --cosignkey, with the same password. What is signed is one line of text:
//
//	release-builder approves plan sha256:…
//
// with the SHA-256 of the plan's file. The namespace of SSH signatures is
// release-builder-approval.
//
// publish --approved carries out just this plan. It refuses if anything that the plan is about
// has changed since; what the plan wanted, and an earlier run has done, may be there. It
// records the approvals in the receipt. This binds those who publish by this profile. Whoever
// has the services' credentials can change them by other programs: give the credentials to the
// job that publishes, and to nobody else.
//
// Exit status: 0 done, 1 the plan cannot be approved, 2 the command line is wrong.
package main

import (
	"github.com/jasonwzm/release-builder/tools/internal/base/cli"
	"github.com/jasonwzm/release-builder/tools/internal/command/approve"
)

func main() { cli.Main(approve.Run) }
