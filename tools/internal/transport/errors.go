package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jasonwzm/release-builder/tools/internal/cli"
)

// retryAfter reads Retry-After (RFC 9110 section 10.2.3): seconds, or a date.
func retryAfter(value string, now time.Time) (time.Duration, bool) {
	value = strings.TrimSpace(value)
	const most = 1 << 31 // seconds: 68 years, and no overflow
	if s, err := strconv.ParseUint(value, 10, 63); err == nil {
		return time.Duration(min(s, most)) * time.Second, true
	}
	if value != "" && strings.Trim(value, "0123456789") == "" {
		return most * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, at.Sub(now)), true
	}
	return 0, false
}

// certificate tells whether an error is about who the server is.
func certificate(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, authority := errors.AsType[x509.UnknownAuthorityError](err)
	_, name := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	return verification || authority || name || invalid
}

func unknownHost(err error) bool {
	dns, ok := errors.AsType[*net.DNSError](err)
	return ok && dns.IsNotFound
}

// transient tells whether another attempt may meet no such error.
func transient(err error) bool {
	if certificate(err) || unknownHost(err) || errors.Is(err, context.Canceled) {
		return false
	}
	for _, e := range []error{
		errIdle, io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, context.DeadlineExceeded,
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

// isNetwork tells whether an error is of a connection, or of looking up a name.
func isNetwork(err error) bool {
	_, op := errors.AsType[*net.OpError](err)
	dns, name := errors.AsType[*net.DNSError](err)
	return op && !name || name && dns.IsTemporary
}

// reason says in a few words why an attempt failed, without any address.
func reason(err error) string {
	timeout, isNet := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, errIdle):
		return "nothing for too long"
	case errors.Is(err, context.DeadlineExceeded), isNet && timeout.Timeout():
		return "a timeout"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "no connection: it was refused"
	}
	return "a broken connection"
}

// hide takes user and query of the request's URL, and of those in it, out of an
// error, and says what can be done.
func hide(err error, req *http.Request) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	hidden := text
	for _, secret := range secrets(req) {
		hidden = strings.ReplaceAll(hidden, secret, "xxxxx")
	}
	if hidden != text {
		err = &redacted{hidden, err}
	}
	switch {
	case certificate(err):
		return cli.WithHint(err, "the server is not whom it should be, or its certificate's issuer is not among those of this machine")
	case unknownHost(err):
		return cli.WithHint(err, "look at the host's name and at the network")
	}
	return err
}

// secrets are the parts of a request's URL that an error may not have.
func secrets(req *http.Request) (all []string) {
	add := func(s string) {
		if len(s) > 2 {
			all = append(all, s)
		}
	}
	u := req.URL
	add(u.RawQuery)
	for _, values := range u.Query() {
		for _, v := range values {
			if len(v) > 7 {
				add(v)
				add(url.QueryEscape(v))
			}
		}
	}
	if u.User != nil {
		add(u.User.String())
		if password, ok := u.User.Password(); ok {
			add(password)
		}
	}
	return all
}

// redacted is an error with another text.
type redacted struct {
	text string
	err  error
}

func (r *redacted) Error() string { return r.text }
func (r *redacted) Unwrap() error { return r.err }
