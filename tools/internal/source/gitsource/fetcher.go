package gitsource

import (
	"context"
	"errors"
	"io"
)

// Fetcher fetches the canonical tar of one commit. It is a store.Fetcher.
type Fetcher struct {
	Client  *Client
	Want    Want
	Exclude []string
}

// Fetch implements [store.Fetcher].
func (f Fetcher) Fetch(ctx context.Context) (io.ReadCloser, error) {
	repo, err := f.Client.Fetch(ctx, f.Want)
	if err != nil {
		return nil, err
	}
	return repo.Tar(ctx, f.Exclude), nil
}

// Tar returns a stream of what WriteTar writes. Closing it ends git and closes r.
func (r *Repo) Tar(ctx context.Context, exclude []string) io.ReadCloser {
	ctx, cancel := context.WithCancel(ctx)
	pr, pw := io.Pipe()
	s := &stream{PipeReader: pr, repo: r, cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(s.ended)
		_, err := r.WriteTar(ctx, pw, exclude)
		pw.CloseWithError(err)
	}()
	return s
}

type stream struct {
	*io.PipeReader
	repo   *Repo
	cancel context.CancelFunc
	ended  chan struct{}
}

func (s *stream) Close() error {
	s.cancel()
	err := s.PipeReader.Close()
	<-s.ended
	return errors.Join(err, s.repo.Close())
}
