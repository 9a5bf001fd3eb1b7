package approval

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/jasonwzm/release-builder/tools/internal/base/environ"
	"github.com/jasonwzm/release-builder/tools/internal/base/fileio"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/publish/signing"
)

// maxKey limits the size of a file with a key, in bytes.
const maxKey = 64 << 10

// Sign returns a signature of the request. A key of SSH is its file, or that of its public key
// if an agent or a token has the private one: ssh-keygen signs, and asks for a passphrase. Any
// other key is one of [signing.OpenKey].
func (r *Request) Sign(ctx context.Context, key signing.KeyArgs) ([]byte, error) {
	if isSSH(key.Ref) {
		return r.signSSH(ctx, key.Ref)
	}
	k, err := signing.OpenKey(ctx, key)
	if err != nil {
		return nil, err
	}
	return k.SignBlob(ctx, r.Statement())
}

// isSSH reports whether a file has a key of SSH, public or private.
func isSSH(name string) bool {
	if strings.Contains(name, "://") {
		return false
	}
	data, err := fileio.ReadLimited(name, maxKey)
	if err != nil {
		return false
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey(data); err == nil {
		return true
	}
	return bytes.HasPrefix(data, []byte("-----BEGIN OPENSSH PRIVATE KEY-----"))
}

func (r *Request) signSSH(ctx context.Context, key string) ([]byte, error) {
	cmd := environ.Command(ctx, environ.User(), "ssh-keygen", "-Y", "sign", "-n", Namespace, "-f", key)
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(r.Statement()), &out, &said
	err := cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return nil, hint.With(fmt.Errorf("signing: %w", err), "install OpenSSH's client, or sign with a key of cosign's")
	}
	if err != nil {
		return nil, fmt.Errorf("signing with ssh-keygen: %w: %s", err, strings.TrimSpace(said.String()))
	}
	return out.Bytes(), nil
}
