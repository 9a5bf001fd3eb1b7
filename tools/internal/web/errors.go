package web

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"syscall"

	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

// certificate reports whether an error is about the server's certificate.
func certificate(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return verification || authority || name || invalid
}

func silent(err error) bool {
	_, ok := errors.AsType[*SilentError](err)
	return ok
}

func unknownHost(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// Transient reports whether another attempt may succeed after an error of a connection.
func Transient(err error) bool {
	if certificate(err) || unknownHost(err) || errors.Is(err, context.Canceled) {
		return false
	}
	if silent(err) {
		return true
	}
	for _, e := range []error{
		io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, context.DeadlineExceeded,
		syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.ECONNABORTED, syscall.EPIPE, syscall.ETIMEDOUT,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	if timeout, ok := errors.AsType[net.Error](err); ok && (timeout.Timeout() || isNetwork(err)) {
		return true
	}
	// net/http has no types for these.
	for _, text := range []string{"server closed idle connection", "GOAWAY", "stream error", "connection lost", "connection reset", "broken pipe", "TLS handshake timeout", "forcibly closed"} {
		if strings.Contains(err.Error(), text) {
			return true
		}
	}
	return false
}

// TransientStatus reports whether another attempt may succeed after a status.
func TransientStatus(code int) bool {
	switch code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return code >= 500 && code != http.StatusNotImplemented && code != http.StatusHTTPVersionNotSupported
}

// isNetwork reports whether an error is from a connection or a name lookup.
func isNetwork(err error) bool {
	_, op := errors.AsType[*net.OpError](err)
	dns, name := errors.AsType[*net.DNSError](err)
	return op && !name || name && dns.IsTemporary
}

// reason returns in a few words why an attempt failed, without any address.
func reason(err error) string {
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case silent(err):
		return "too little data for too long"
	case errors.Is(err, context.DeadlineExceeded), isNet && timeout.Timeout():
		return "a timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "a refused connection"
	}
	return "a broken connection"
}

// hide removes the secrets of the request's URL from an error, and adds a hint.
func hide(err error, req *http.Request) error {
	err = Redact(err)
	if err == nil {
		return nil
	}
	hidden := err.Error()
	for _, secret := range secrets(req.URL) {
		hidden = strings.ReplaceAll(hidden, secret, "xxxxx")
	}
	if hidden != err.Error() {
		err = &redacted{hidden, err}
	}
	switch {
	case certificate(err):
		return hint.With(err, "the TLS certificate does not match the host, or its issuer is not trusted on this machine")
	case unknownHost(err):
		return hint.With(err, "check the host's name and the network")
	}
	return err
}

// secrets returns the user and the query of a URL.
func secrets(u *url.URL) (all []string) {
	if u.RawQuery != "" {
		all = append(all, u.RawQuery)
	}
	if u.User != nil {
		password, _ := u.User.Password()
		for _, s := range []string{u.User.String(), password} {
			if s != "" {
				all = append(all, s)
			}
		}
	}
	return all
}

// Shown returns a URL without the parts that can be secret: user, query and fragment.
func Shown(u *url.URL) string {
	public := *u
	public.User, public.RawQuery, public.ForceQuery, public.Fragment, public.RawFragment = nil, "", false, "", ""
	return public.String()
}

// Redact returns an error that wraps err, without the user and the query of any URL in its
// text. Errors of an http.Client have the request's URL.
func Redact(err error) error {
	if err == nil {
		return nil
	}
	address := regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)(?:[^/\s"'?#]*@)?([^\s"'?#]*)(?:[?#][^\s"']*)?`)
	if text := address.ReplaceAllString(err.Error(), "$1$2"); text != err.Error() {
		return &redacted{text, err}
	}
	return err
}

// redacted is an error with another text.
type redacted struct {
	text string
	err  error
}

func (r *redacted) Error() string { return r.text }
func (r *redacted) Unwrap() error { return r.err }
