package web

import (
	"testing"
	"time"
)

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"0", 0, true},
		{"120", 2 * time.Minute, true},
		{" 7 ", 7 * time.Second, true},
		{"4294967296", longest, true},
		{"99999999999999999999999", longest, true},
		{"Thu, 29 Feb 2024 12:01:30 GMT", 90 * time.Second, true},
		{"Thursday, 29-Feb-24 12:01:30 GMT", 90 * time.Second, true},
		{"Thu, 29 Feb 2024 11:00:00 GMT", 0, true},
		{"Fri, 31 Dec 9999 23:59:59 GMT", longest, true},
		{"", 0, false},
		{"-1", 0, false},
		{"+1", 0, false},
		{"1.5", 0, false},
		{"soon", 0, false},
	} {
		if got, ok := parseRetryAfter(tt.value, now); got != tt.want || ok != tt.ok {
			t.Errorf("%q: got %v, %t, want %v, %t", tt.value, got, ok, tt.want, tt.ok)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Thu, 29 Feb 2024 12:01:30 GMT")
	f.Fuzz(func(t *testing.T, value string) {
		if got, ok := parseRetryAfter(value, time.Unix(0, 0)); got < 0 || got > longest || !ok && got != 0 {
			t.Errorf("got %v, %t", got, ok)
		}
	})
}
