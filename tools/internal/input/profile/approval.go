package profile

import (
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"gopkg.in/yaml.v3"

	"github.com/jasonwzm/release-builder/tools/internal/input/rules"
	"github.com/jasonwzm/release-builder/tools/internal/input/strictyaml"
)

// Approval says who approves a plan before it is carried out.
type Approval struct {
	// Required is how many of the approvers have to approve.
	Required  int
	Approvers []Approver
	// Valid is the longest time between a plan and the end of its approvals.
	Valid time.Duration
}

// An Approver is a person, or a program, with a key. One of SSH and Cosign is set.
type Approver struct {
	Name   string
	SSH    ssh.PublicKey
	Cosign crypto.PublicKey
}

// Names lists the approvers, for people.
func (a *Approval) Names() string {
	var names []string
	for _, p := range a.Approvers {
		names = append(names, p.Name)
	}
	return strings.Join(names, ", ")
}

const (
	defaultValid = 72 * time.Hour
	maxValid     = 366 * 24 * time.Hour
	cosignType   = "cosign" // in place of the type of an SSH key
	wantKey      = "NAME TYPE KEY, such as alice ssh-ed25519 AAAA…, or alice cosign MFkw…"
	wantValid    = "a time such as 72h, of at most 366 days"
)

// parseApprover parses NAME TYPE KEY. KEY is that of an SSH key as in its .pub file, or the
// base64 between the lines of a public key of cosign's.
func parseApprover(text string) (a Approver, wrong string) {
	words := strings.Fields(text)
	if len(words) < 3 {
		return a, fmt.Sprintf("%d words", len(words))
	}
	if a.Name = words[0]; rules.FileName(a.Name) != "" {
		return a, "a name that is no file name: " + rules.FileName(a.Name)
	}
	if words[1] != cosignType {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(strings.Join(words[1:], " ")))
		if err != nil || key.Type() != words[1] {
			return a, "no public key of SSH"
		}
		a.SSH = key
		return a, ""
	}
	der, err := base64.StdEncoding.DecodeString(strings.Join(words[2:], ""))
	if err == nil {
		a.Cosign, err = x509.ParsePKIXPublicKey(der)
	}
	if err != nil {
		return a, "no public key in base64"
	}
	return a, ""
}

// id identifies a key.
func (a *Approver) id() string {
	if a.SSH != nil {
		return string(a.SSH.Marshal())
	}
	der, _ := x509.MarshalPKIXPublicKey(a.Cosign) // it was parsed
	return string(der)
}

func parseRequired(text string) (n int, wrong string) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, "no such number"
	}
	return n, ""
}

func parseValid(text string) (d time.Duration, wrong string) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 || d > maxValid {
		return 0, "no such time"
	}
	return d, ""
}

// rule returns the rule of texts that parse accepts.
func rule[T any](want string, parse func(text string) (T, string)) strictyaml.Rule {
	return strictyaml.Rule{Want: want, Check: func(text string) string {
		_, wrong := parse(text)
		return wrong
	}}
}

// approval returns the approval that a profile wants; nil for none.
func (p *parser) approval(f *strictyaml.Fields) *Approval {
	n := f.Values["approval"]
	if n == nil {
		return nil
	}
	in := f.In + "approval: "
	g := p.Fields(n, in, " in approval of "+strings.TrimSuffix(f.In, ": "), "a mapping", []string{"keys", "required", "valid"})
	p.Required(n, &g, "keys")
	p.Required(n, &g, "required")
	a := &Approval{Valid: defaultValid}
	seen := map[string]string{}
	p.List(&g, "keys", wantKey, func(n *yaml.Node, what string) string {
		text := p.Scalar(n, what, rule(wantKey, parseApprover))
		if text == "" {
			return ""
		}
		person, _ := parseApprover(text)
		for _, same := range []string{"name " + person.Name, "key " + person.id()} {
			if other, ok := seen[same]; ok {
				p.Errorf(n, "%s: %s and %s are the same, want another name and another key for each", what, other, person.Name)
			}
			seen[same] = person.Name
		}
		a.Approvers = append(a.Approvers, person)
		return text
	})
	a.Required, _ = parseRequired(p.Text(&g, "required", rule("how many have to approve, such as 2", parseRequired)))
	if text := p.Text(&g, "valid", rule(wantValid, parseValid)); text != "" {
		a.Valid, _ = parseValid(text)
	}
	if a.Required > len(a.Approvers) && len(a.Approvers) > 0 {
		p.Errorf(g.Values["required"], "%srequired: got %d, want at most the number of keys, %d", in, a.Required, len(a.Approvers))
	}
	return a
}
