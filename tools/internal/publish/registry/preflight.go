package registry

import (
	"context"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
	"github.com/jasonwzm/release-builder/tools/internal/base/parallel"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
	"github.com/jasonwzm/release-builder/tools/internal/web/registryclient"
)

// Preflight implements [publish.Preflighter]. It begins an upload of a blob to each repository,
// and cancels it: a registry has no other way to say who may push.
func (d *destination) Preflight(ctx context.Context, size int64) []publish.Finding {
	if h, ok := d.hub.(*dirHub); ok {
		return []publish.Finding{publish.Found("write to "+d.config.Hub, publish.Writable(h.dir, size))}
	}
	h, names := d.hub.(*remoteHub), d.names()
	all := make([]publish.Finding, len(names))
	parallel.Do(len(names), d.config.Jobs, func(i int) error { //nolint:errcheck // there is none
		all[i] = h.preflight(ctx, names[i])
		return nil
	})
	return all
}

func (h *remoteHub) preflight(ctx context.Context, repo string) publish.Finding {
	what := "push to " + h.d.config.Hub + "/" + repo
	ref, err := name.ParseReference(h.registry.RegistryStr() + "/" + h.path + "/" + repo + ":preflight")
	if err != nil {
		return publish.NotKnown(what, err)
	}
	keychain := h.keychain
	if keychain == nil {
		keychain = authn.NewMultiKeychain() // it knows nobody
	}
	err = remote.CheckPushPermission(ref, keychain, inContext{ctx, h.transport})
	switch status, _ := registryclient.StatusOf(err); {
	case err == nil:
		return publish.Found(what, nil)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return publish.Found(what, h.withHint(registryclient.WithoutURL(err)))
	case status == http.StatusNotFound:
		err := fmt.Errorf("the registry does not have it: %w", registryclient.WithoutURL(err))
		return publish.Found(what, hint.With(err, "create the repository: this registry does not do that at the first push"))
	}
	return publish.NotKnown(what, registryclient.WithoutURL(err))
}

// inContext sends requests in a context: CheckPushPermission has none.
type inContext struct {
	ctx  context.Context
	base http.RoundTripper
}

func (t inContext) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.base.RoundTrip(req.WithContext(t.ctx))
}
