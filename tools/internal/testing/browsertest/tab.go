package browsertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jasonwzm/release-builder/tools/internal/testing/readers"
)

// arguments start Chromium without a window and without a network.
func arguments(t *testing.T) []string {
	return []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-quic",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND",
		"--user-data-dir=" + t.TempDir(),
	}
}

// A tab is a browser's tab, driven by the DevTools protocol
// (https://chromedevtools.github.io/devtools-protocol/) over a pair of pipes: JSON documents with
// a zero byte after each.
type tab struct {
	t       *testing.T
	to      *os.File
	from    *bufio.Reader
	session string
	last    int
	stderr  bytes.Buffer
	urls    []string // what the page asked for
	said    []string // in the console
}

// message is what the browser writes: an answer, which has the ID of its call, or an event.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  json.RawMessage `json:"error"`
}

// newTab starts a browser, which ends with the test.
func newTab(t *testing.T) *tab {
	t.Helper()
	chromium := readers.Find(t, "chromium")
	commands, to, err := os.Pipe()
	check(t, err)
	from, answers, err := os.Pipe()
	check(t, err)
	b := &tab{t: t, to: to, from: bufio.NewReader(from)}
	cmd := exec.CommandContext(t.Context(), chromium, append(arguments(t), "--remote-debugging-pipe", "about:blank")...)
	cmd.ExtraFiles = []*os.File{commands, answers} // 3 and 4
	cmd.Stderr = &b.stderr
	check(t, cmd.Start())
	check(t, commands.Close())
	check(t, answers.Close())
	t.Cleanup(func() {
		to.Close()
		cmd.Wait() // the browser ends if its pipe does
		from.Close()
	})
	var target struct {
		ID string `json:"targetId"`
	}
	b.call(&target, "Target.createTarget", map[string]any{"url": "about:blank"})
	var attached struct {
		Session string `json:"sessionId"`
	}
	b.call(&attached, "Target.attachToTarget", map[string]any{"targetId": target.ID, "flatten": true})
	b.session = attached.Session
	for _, domain := range []string{"Page", "Network", "Runtime", "Log"} {
		b.call(nil, domain+".enable", nil)
	}
	return b
}

// call calls a method and parses its result.
func (b *tab) call(result any, method string, params map[string]any) {
	b.t.Helper()
	b.last++
	call := map[string]any{"id": b.last, "method": method}
	if params != nil {
		call["params"] = params
	}
	if b.session != "" {
		call["sessionId"] = b.session
	}
	data, err := json.Marshal(call)
	check(b.t, err)
	if _, err := b.to.Write(append(data, 0)); err != nil {
		b.t.Fatalf("%s: %v\n%s", method, err, b.stderr.String())
	}
	for {
		m := b.read()
		if m.ID != b.last {
			continue
		}
		if m.Error != nil {
			b.t.Fatalf("%s: %s", method, m.Error)
		}
		if result != nil {
			check(b.t, json.Unmarshal(m.Result, result))
		}
		return
	}
}

// read reads an answer or an event, and notes what the page does.
func (b *tab) read() message {
	b.t.Helper()
	data, err := b.from.ReadBytes(0)
	if err != nil {
		b.t.Fatalf("the browser ended: %v\n%s", err, b.stderr.String())
	}
	var m message
	check(b.t, json.Unmarshal(data[:len(data)-1], &m))
	switch m.Method {
	case "Network.requestWillBeSent":
		var p struct {
			Request struct {
				URL string `json:"url"`
			} `json:"request"`
		}
		check(b.t, json.Unmarshal(m.Params, &p))
		b.urls = append(b.urls, p.Request.URL)
	case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded":
		b.said = append(b.said, string(m.Params))
	}
	return m
}

// open opens a page, as a file, and waits until it is loaded.
func (b *tab) open(page []byte) {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "page.html")
	check(b.t, os.WriteFile(file, page, 0o600))
	b.urls, b.said = nil, nil
	b.call(nil, "Page.navigate", map[string]any{"url": "file://" + filepath.ToSlash(file)})
	for b.read().Method != "Page.loadEventFired" {
	}
}

// screen sets the size of the window in CSS pixels, and the colour scheme: light or dark.
func (b *tab) screen(width int, scheme string) {
	b.t.Helper()
	b.call(nil, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false})
	b.call(nil, "Emulation.setEmulatedMedia", map[string]any{"features": []any{map[string]string{"name": "prefers-color-scheme", "value": scheme}}})
}

// eval evaluates an expression, which may be a promise, and parses its value.
func (b *tab) eval(value any, expression string) {
	b.t.Helper()
	var r struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		Exception json.RawMessage `json:"exceptionDetails"`
	}
	b.call(&r, "Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true})
	if r.Exception != nil {
		b.t.Fatalf("%.200s: %s", expression, r.Exception)
	}
	if value != nil {
		if err := json.Unmarshal(r.Result.Value, value); err != nil {
			b.t.Fatal(fmt.Errorf("%.200s: got %s: %w", expression, r.Result.Value, err))
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
