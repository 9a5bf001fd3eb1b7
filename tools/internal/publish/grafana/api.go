package grafana

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"

	"github.com/jasonwzm/release-builder/tools/internal/artifact/dashboard"
	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/hint"
)

const (
	// maxPages limits the pages of a list of revisions.
	maxPages = 1000
	// maxError limits the answer in an error, in bytes.
	maxError = 500
)

// A revision is an entry of a dashboard's revisions. Its description is that of the dashboard.
type revision struct {
	Revision    int    `json:"revision"`
	Description string `json:"description"`
}

// A match is what find finds: numbers of revisions, or 0.
type match struct{ equal, other int }

// find looks for a version's revision. It reads only revisions whose description ends with
// the version, or that have none.
func (d *destination) find(ctx context.Context, id int, version string, want digest.Digest) (match, error) {
	all, err := d.revisions(ctx, id)
	if err != nil {
		return match{}, err
	}
	slices.SortFunc(all, func(a, b revision) int { return cmp.Compare(b.Revision, a.Revision) })
	var m match
	for _, r := range all {
		about := strings.TrimSpace(r.Description)
		named := strings.HasSuffix(about, " version "+version)
		if about != "" && !named {
			continue
		}
		data, err := d.get(ctx, d.download(id, r.Revision))
		if err != nil {
			return m, err
		}
		// What is no dashboard differs.
		sum, err := canonicalSum(data)
		if err == nil && sum == want {
			return match{equal: r.Revision}, nil
		}
		if named && m.other == 0 {
			m.other = r.Revision
		}
	}
	return m, nil
}

// revisions lists a dashboard's revisions.
func (d *destination) revisions(ctx context.Context, id int) ([]revision, error) {
	var all []revision
	for page := 1; ; page++ {
		at := d.api(id)
		if page > 1 {
			at += fmt.Sprintf("?page=%d", page)
		}
		data, err := d.get(ctx, at)
		if err != nil {
			return nil, err
		}
		var list struct {
			Items []revision `json:"items"`
			Pages int        `json:"pages"`
		}
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, fmt.Errorf("reading %s: %w", at, err)
		}
		for _, r := range list.Items {
			if r.Revision < 1 {
				return nil, fmt.Errorf("reading %s: got revision %d", at, r.Revision)
			}
		}
		all = append(all, list.Items...)
		switch {
		case page >= list.Pages:
			return all, nil
		case page == maxPages:
			return nil, fmt.Errorf("reading %s: got more than %d pages", at, maxPages)
		}
	}
}

func (d *destination) api(id int) string {
	return fmt.Sprintf("%s/api/dashboards/%d/revisions", d.URL, id)
}

func (d *destination) download(id, revision int) string {
	return fmt.Sprintf("%s/%d/download", d.api(id), revision)
}

func (d *destination) get(ctx context.Context, at string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at, nil)
	if err != nil {
		return nil, err
	}
	return d.do(req)
}

// post sends a dashboard as a new revision.
func (d *destination) post(ctx context.Context, e entry, data []byte) error {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	part, err := w.CreateFormFile("json", e.name+".json")
	if err != nil {
		return err
	}
	if _, err := part.Write(data); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.api(e.id), &b)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", w.FormDataContentType())
	_, err = d.do(req)
	return err
}

// do sends a request and returns the answer of at most dashboard.MaxSize.
func (d *destination) do(req *http.Request) ([]byte, error) {
	req.Header.Set("Accept", "application/json")
	if d.Token != "" {
		req.Header.Set("Authorization", "Bearer "+d.Token)
	}
	resp, err := d.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, dashboard.MaxSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", req.URL.Path, err)
	}
	if len(data) > dashboard.MaxSize {
		return nil, fmt.Errorf("reading %s: got more than %d bytes", req.URL.Path, dashboard.MaxSize)
	}
	if resp.StatusCode/100 == 2 {
		return data, nil
	}
	said := strings.Join(strings.Fields(string(data[:min(len(data), maxError)])), " ")
	if d.Token != "" {
		said = strings.ReplaceAll(said, d.Token, "xxxxx")
	}
	err = fmt.Errorf("%s %s: got status %s: %s", req.Method, req.URL.Path, resp.Status, said)
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return nil, hint.With(err, "the token of --grafanatoken has to be one of the organization that has the dashboard")
	case http.StatusNotFound:
		return nil, hint.With(err, "the id is in the manifest, in dashboards; 0 is for a dashboard that is not at grafana.com yet")
	}
	return nil, err
}
