// Package approval has people approve a plan before it is carried out.
//
// They approve a file, the request: a plan, the line and profile that it is for, and until when
// it may be carried out. To approve is to sign one line of text, [Statement], which has the
// SHA-256 of the request: as ssh-keygen -Y sign does, or as cosign sign-blob does. The
// signatures are files beside the request.
package approval

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/input/profile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/publish/signing"
)

const (
	// Schema is the schema of a Request as JSON.
	Schema = "release-builder/approval-request/v1"
	// Namespace is that of SSH signatures: ssh-keygen -Y sign -n.
	Namespace = "release-builder-approval"

	// The names of signatures are that of the request, the approver's name and one of these.
	sshSuffix    = ".sig"
	cosignSuffix = ".sigstore.json"

	maxSignature = 64 << 10 // bytes
)

// A Request is what people approve.
type Request struct {
	Schema  string `json:"schema"`
	Line    string `json:"line"`
	Profile string `json:"profile"`
	// Expires is when the approvals end.
	Expires time.Time     `json:"expires"`
	Plan    *publish.Plan `json:"plan"`

	sum digest.Digest // of the file
}

// NewRequest returns the request to carry out a plan. Expires is zero if the profile wants no
// approval.
func NewRequest(line string, p *profile.Profile, plan *publish.Plan, now time.Time) *Request {
	r := &Request{Schema: Schema, Line: line, Profile: p.Name, Plan: plan}
	if p.Approval != nil {
		r.Expires = now.Add(p.Approval.Valid).UTC().Truncate(time.Second)
	}
	return r
}

// Write replaces the named file.
func (r *Request) Write(name string) error {
	data, err := jsonfile.Marshal(r)
	if err != nil {
		return err
	}
	return fileio.WriteFile(name, data, 0o644)
}

// Read reads the named request.
func Read(name string) (*Request, error) {
	data, err := fileio.ReadLimited(name, jsonfile.MaxSize)
	if err != nil {
		return nil, hint.With(fmt.Errorf("reading plan: %w", err), "publish --plan --out FILE writes one")
	}
	var head struct{ Schema string }
	if json.Unmarshal(data, &head) == nil && head.Schema != Schema {
		return nil, hint.With(fmt.Errorf("reading plan %q: schema: got %q, want %q", name, head.Schema, Schema), "publish --plan --out FILE writes one")
	}
	r := &Request{sum: digest.FromBytes(data)}
	if err := jsonfile.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("reading plan %s:%w", name, err)
	}
	if r.Plan == nil || r.Plan.Schema != publish.PlanSchema {
		return nil, fmt.Errorf("reading plan %q: got no plan with schema %q", name, publish.PlanSchema)
	}
	return r, nil
}

// Statement returns the text that is signed.
func (r *Request) Statement() []byte {
	return fmt.Appendf(nil, "release-builder approves plan %s\n", r.sum)
}

// A File is a signature in a file.
type File struct {
	Name    string
	Content []byte
}

// Files reads the signatures beside the named request, sorted by name.
func Files(request string) ([]File, error) {
	list, err := os.ReadDir(filepath.Dir(request))
	if err != nil {
		return nil, err
	}
	var all []File
	for _, d := range list {
		name := d.Name()
		if !strings.HasPrefix(name, filepath.Base(request)+".") || !strings.HasSuffix(name, sshSuffix) && !strings.HasSuffix(name, cosignSuffix) {
			continue
		}
		name = filepath.Join(filepath.Dir(request), name)
		data, err := fileio.ReadLimited(name, maxSignature)
		if err != nil {
			return nil, fmt.Errorf("reading approval: %w", err)
		}
		all = append(all, File{name, data})
	}
	return all, nil
}

// FileName returns the name of an approver's signature of the named request.
func FileName(request string, a *profile.Approver) string {
	if a.SSH != nil {
		return request + "." + a.Name + sshSuffix
	}
	return request + "." + a.Name + cosignSuffix
}

// Check checks a request and the signatures of it. It returns what the receipt records; nil if
// the profile wants no approval.
func (r *Request) Check(line string, p *profile.Profile, files []File, now time.Time) (*publish.Approval, error) {
	if r.Line != line || r.Profile != p.Name {
		return nil, fmt.Errorf("the plan is for line %q and profile %q, want line %q and profile %q", r.Line, r.Profile, line, p.Name)
	}
	if p.Approval == nil {
		return nil, nil
	}
	end := r.Expires.Format(time.RFC3339)
	switch {
	case !now.Before(r.Expires):
		return nil, hint.With(fmt.Errorf("the plan's approvals ended at %s", end), "make a new plan with --plan --out FILE, and have that approved")
	case r.Expires.After(now.Add(p.Approval.Valid)):
		return nil, fmt.Errorf("the plan's approvals end at %s, want at most %s from now", end, p.Approval.Valid)
	}
	by, err := r.signatures(p, files)
	if err != nil {
		return nil, err
	}
	if len(by) < p.Approval.Required {
		have := "nobody's"
		if len(by) > 0 {
			var names []string
			for _, s := range by {
				names = append(names, s.Name)
			}
			have = "that of " + strings.Join(names, ", ")
		}
		err := fmt.Errorf("profile %q wants the approval of %d of %s: got %s", p.Name, p.Approval.Required, p.Approval.Names(), have)
		return nil, hint.With(err, "tools/bazel run //release:approve -- FILE --key KEY approves a plan; put the file that it writes beside the plan")
	}
	return &publish.Approval{Plan: r.sum, By: by}, nil
}

// signatures returns the signatures of the profile's approvers, one for each, sorted by name.
// Any other one is an error.
func (r *Request) signatures(p *profile.Profile, files []File) ([]publish.Signature, error) {
	var by []publish.Signature
	var errs []error
	for _, f := range files {
		a, err := r.Signer(p, f.Content)
		if err != nil {
			errs = append(errs, fmt.Errorf("approval %q: %w", f.Name, err))
			continue
		}
		if !slices.ContainsFunc(by, func(s publish.Signature) bool { return s.Name == a.Name }) {
			by = append(by, publish.Signature{Name: a.Name, Signature: string(f.Content)})
		}
	}
	slices.SortFunc(by, func(a, b publish.Signature) int { return strings.Compare(a.Name, b.Name) })
	return by, errors.Join(errs...)
}

// Signer returns the approver of a profile who signed the request.
func (r *Request) Signer(p *profile.Profile, signature []byte) (*profile.Approver, error) {
	if p.Approval == nil {
		return nil, fmt.Errorf("profile %q wants no approval", p.Name)
	}
	var err error
	for i := range p.Approval.Approvers {
		a := &p.Approval.Approvers[i]
		if err = r.verify(a, signature); err == nil {
			return a, nil
		}
		if errors.Is(err, errOther) {
			return nil, err // whoever signed
		}
	}
	return nil, fmt.Errorf("it is signed by none of %s", p.Approval.Names())
}

// errOther means that a signature is of something else.
var errOther = errors.New("it is not a signature of this plan")

func (r *Request) verify(a *profile.Approver, signature []byte) error {
	if a.Cosign != nil {
		if bytes.HasPrefix(signature, []byte("-----")) {
			return errors.New("an SSH signature")
		}
		return signing.VerifyBlob(a.Cosign, signature, r.Statement())
	}
	sig, err := sshsig.Unarmor(signature)
	if err != nil {
		return err
	}
	if ssh.FingerprintSHA256(sig.PublicKey) != ssh.FingerprintSHA256(a.SSH) {
		return errors.New("another key")
	}
	if sig.Signature.Format == ssh.KeyAlgoRSA {
		return fmt.Errorf("%w: it is signed with SHA-1", errOther)
	}
	if err := sshsig.Verify(bytes.NewReader(r.Statement()), sig, a.SSH, sig.HashAlgorithm, Namespace); err != nil {
		return fmt.Errorf("%w: %w", errOther, err)
	}
	return nil
}

// Waiting says what a request waits for, for people.
func (r *Request) Waiting(p *profile.Profile) string {
	if p.Approval == nil {
		return "it needs no approval"
	}
	return fmt.Sprintf("it needs the approval of %d of %s, until %s", p.Approval.Required, p.Approval.Names(), r.Expires.Format(time.RFC3339))
}
