package github

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	gh "github.com/google/go-github/v32/github"
)

// api calls GitHub's API through go-github, which only this file knows. What that version of
// it lacks, such as the digests of assets, has types of our own.
type api struct{ *gh.Client }

func newAPI(c *http.Client, base *url.URL) api {
	a := api{gh.NewClient(c)}
	a.BaseURL, a.UserAgent = base, userAgent
	return a
}

// call makes one request and returns the number of the list's next page; 0 if there is none.
// In and out may be nil.
func (c *client) call(ctx context.Context, method, path string, in, out any) (next int, err error) {
	req, err := c.api.NewRequest(method, path, in)
	if err != nil {
		return 0, err
	}
	return c.do(ctx, req, out)
}

// do sends a request of call or newUpload.
func (c *client) do(ctx context.Context, req *http.Request, out any) (next int, err error) {
	resp, err := c.api.Do(ctx, req, out)
	if err != nil {
		return 0, c.clean(err)
	}
	return resp.NextPage, nil
}

// newUpload returns a request that sends a file to a URL.
func (c *client) newUpload(to string, body io.Reader, size int64, mediaType string) (*http.Request, error) {
	return c.api.NewUploadRequest(to, body, size, mediaType)
}

// content returns the content of an asset. It does not use go-github's Do, which accepts a
// truncated body.
func (c *client) content(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := c.api.NewRequest(http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/octet-stream")
	resp, err := c.http.Do(req.WithContext(ctx))
	if err != nil {
		return nil, c.clean(err)
	}
	if err := gh.CheckResponse(resp); err != nil {
		resp.Body.Close()
		return nil, c.clean(err)
	}
	return resp.Body, nil
}

// clean removes from an error what must not be shown: URLs, which are signed after a
// redirect, and the token, in case a server sends it back.
func (c *client) clean(err error) error {
	if err == nil {
		return nil
	}
	var answer *gh.ErrorResponse
	var rate *gh.RateLimitError
	var abuse *gh.AbuseRateLimitError
	var wrapped *url.Error
	switch {
	case errors.As(err, &answer):
		var words []string
		for _, e := range answer.Errors {
			words = append(words, strings.Join(strings.Fields(e.Resource+" "+e.Field+" "+e.Code+" "+e.Message), " "))
		}
		message := answer.Message
		if len(words) > 0 {
			message += " (" + strings.Join(words, "; ") + ")"
		}
		return c.status(answer.Response, message)
	case errors.As(err, &rate):
		return c.status(rate.Response, rate.Message)
	case errors.As(err, &abuse):
		return c.status(abuse.Response, abuse.Message)
	case errors.As(err, &wrapped):
		return &requestError{wrapped.Err}
	}
	return err
}
