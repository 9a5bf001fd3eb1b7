package web

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestWatch asks servers whose clocks are right, and off.
func TestWatch(t *testing.T) {
	for _, tt := range []struct {
		ahead time.Duration // of the server's clock
		date  string
		want  time.Duration
		dated bool
	}{
		{0, "", 0, true},
		{time.Hour, "", -time.Hour, true},
		{-10 * time.Minute, "", 10 * time.Minute, true},
		{0, "yesterday", 0, false},
	} {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			date := tt.date
			if date == "" {
				date = time.Now().Add(tt.ahead).UTC().Format(http.TimeFormat)
			}
			w.Header().Set("Date", date)
		}))
		hosts := Watch(server.Client().Transport)
		resp, err := (&http.Client{Transport: hosts}).Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		server.Close()
		seen := hosts.Seen()
		if len(seen) != 1 {
			t.Fatalf("got %+v, want one", seen)
		}
		h := seen[0]
		if off := h.Skew - tt.want; off.Abs() > 5*time.Second || h.Dated != tt.dated || h.Name != server.Listener.Addr().String() || !h.Expires.Equal(server.Certificate().NotAfter) {
			t.Errorf("%s ahead: got %+v, want a skew of %s", tt.ahead, h, tt.want)
		}
	}
}
