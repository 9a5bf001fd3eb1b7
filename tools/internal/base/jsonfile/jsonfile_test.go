package jsonfile

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

type document struct {
	Name   string            `json:"name"`
	Size   int64             `json:"size,omitempty"`
	Labels map[string]string `json:"labels,omitempty"`
	Time   *time.Time        `json:"time,omitempty"`
	Parts  []document        `json:"parts,omitempty"`
}

func TestMarshal(t *testing.T) {
	stamp := time.Date(2024, 2, 29, 1, 2, 3, 0, time.UTC)
	for _, tt := range []struct {
		name string
		in   any
		want string
	}{
		{"null", nil, "null\n"},
		{"no HTML escapes", "<a&b>", "\"<a&b>\"\n"},
		{"empty list", []string{}, "[]\n"},
		{"order of the fields", document{Name: "a", Size: 3}, "{\n  \"name\": \"a\",\n  \"size\": 3\n}\n"},
		{
			"maps by key", document{Labels: map[string]string{"b": "2", "a": "1", "B": "3"}},
			"{\n  \"name\": \"\",\n  \"labels\": {\n    \"B\": \"3\",\n    \"a\": \"1\",\n    \"b\": \"2\"\n  }\n}\n",
		},
		{"time", document{Time: &stamp}, "{\n  \"name\": \"\",\n  \"time\": \"2024-02-29T01:02:03Z\"\n}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 5 {
				got, err := Marshal(tt.in)
				if err != nil || string(got) != tt.want {
					t.Fatalf("got %q, %v, want %q", got, err, tt.want)
				}
			}
		})
	}
	if _, err := Marshal(make(chan int)); err == nil {
		t.Error("a channel: got no error")
	}
}

func TestUnmarshal(t *testing.T) {
	var got document
	in := "\r\n {\"parts\": [{\"name\": \"b\"}, {\"name\": \"c\", \"parts\": []}],\n\t\"labels\": {\"name\": \"x\", \"size\": \"y\"}, \"name\":\"a\"} \n"
	if err := Unmarshal([]byte(in), &got); err != nil {
		t.Fatal(err)
	}
	if got.Name != "a" || len(got.Parts) != 2 || got.Parts[1].Name != "c" || got.Labels["size"] != "y" {
		t.Errorf("got %+v", got)
	}
}

func TestUnmarshalErrors(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"empty", "", "1: unexpected end"},
		{"blank", " \n\n", "2: unexpected end"},
		{"cut off", "{\"name\":\n\"a\",", "2: unexpected end"},
		{"cut off after a line feed", "{\"name\":\n\"a\",\n", "2: unexpected end"},
		{"cut off in a string", "{\n\"na", "2: unexpected end"},
		{"no JSON", "<<<<<<< HEAD\n{}\n", "1: invalid character '<'"},
		{"conflict inside", "{\n  \"name\": \"a\",\n<<<<<<< HEAD\n  \"size\": 1\n}\n", "3: invalid character '<'"},
		{"bad literal", "{\n\"name\": \"a\",\n\"size\": 1,\n\"parts\": nul\n}", "4: invalid character '\\n'"},
		{"line feed in a string", "{\"name\":\n \"a\nb\"}", "2: invalid character '\\n'"},
		{"comma at the end", "{\"parts\": [\n{},\n]}", "3: invalid character ']'"},
		{"bracket of the other kind", "{\"parts\": [\n{}\n}}", "3: invalid character '}'"},
		{"deep", strings.Repeat("\n[", 20000), "max depth"},
		{"second document", "{}\n{}", "2: invalid character '{' after"},
		{"text behind", "{}\n\nx", "3: invalid character 'x' after"},
		{"bracket behind", "{}\n]", "2: invalid character ']' after"},

		{"unknown field", "{\n\"name\": \"a\",\n\"nmae\": \"b\"\n,\"size\":\n1}\n", `3: json: unknown field "nmae"`},
		{"unknown first field", "{\n\n\"nmae\": {\n}\n}", `3: json: unknown field "nmae"`},
		{"unknown in a part", "{\n\"labels\": {\"type\": \"x\"},\n\"parts\": [{},\n{\"name\": \"a\",\n\"type\": \"b\"\n}],\n\"name\": \"c\"}", `5: json: unknown field "type"`},
		{"wrong type", "{\n\"name\": \"a\",\n\"size\": \"1\",\n\"parts\": []\n}", "3: json: cannot unmarshal string"},
		{"wrong type in a list", "{\n\"parts\": [\n{},\n1\n]\n}", "4: json: cannot unmarshal number"},
		{"wrong document", "[\n]", "1: json: cannot unmarshal array"},
		{"bad time", "{\n\"name\": \"a\",\n\"time\": \"yesterday\",\n\"size\":\n1}", `3: parsing time`},
		{"bad time at the end", "{\n\"name\": \"a\",\n\"time\": \"yesterday\"\n\n}\n", `3: parsing time`},

		{"key twice", "{\"name\": \"a\",\n\"name\": \"b\"}", `2: duplicate key "name" in an object`},
		{"key twice, escaped", "{\"name\": \"a\",\n\"n\\u0061me\": \"b\"}", `2: duplicate key "name" in an object`},
		{"key twice after an object", "{\"name\": \"a\",\n\"labels\": {},\n\"labels\": {}}", `3: duplicate key "labels"`},
		{"key twice after a list", "{\"parts\": [{\"name\": \"b\"}],\n\"parts\": []}", `2: duplicate key "parts"`},
		{"key twice in a part", "{\"parts\": [{\"name\": \"b\"},\n{\"name\": \"c\",\n\"name\": \"c\"}]}", `3: duplicate key "name"`},
		{"key twice in a map", "{\"labels\": {\"a\": \"1\",\n\"b\": \"2\",\n\"a\": \"1\"}}", `3: duplicate key "a"`},
		{"key twice in another case", "{\"name\": \"a\",\n\"Name\": \"b\"}", `2: duplicate key "Name"`},
		{"not UTF-8", "{\"name\":\n\"docs/\xe9.txt\"}", `2: "docs/\xe9.txt" is not UTF-8`},
		{"not UTF-8, cut off", "{\"name\":\n\"docs/\xe9", `2: "docs/\xe9" is not UTF-8`},
		{"not UTF-8, in a key", "{\"\u00e9\xc3\": 1}", `1: "é\xc3" is not UTF-8`},
		{"key twice in what folds to one", "{\"size\": 1,\n\"\u017fize\": 2}", "2: duplicate key \"\u017fize\""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Unmarshal([]byte(tt.in), new(document))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestUnmarshalSize(t *testing.T) {
	data := bytes.Repeat([]byte(" "), MaxSize+1)
	want := "document has 33554433 bytes, want at most 33554432"
	if err := Unmarshal(data, new(any)); err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	copy(data, "1")
	if err := Unmarshal(data[:MaxSize], new(any)); err != nil {
		t.Errorf("the largest document: got %v, want no error", err)
	}
}

func TestRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.json")
	if err := Write(name, document{Name: "a"}); err != nil {
		t.Fatal(err)
	}
	var got document
	if err := Read(name, &got); err != nil || got.Name != "a" {
		t.Errorf("got %+v, %v, want what was written", got, err)
	}
	if err := os.WriteFile(name, []byte("{\n\"nmae\": 1}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err, want := Read(name, &got), name+`:2: json: unknown field "nmae"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %q", err, want)
	}
	if err := Read(name+".none", &got); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing file: got %v, want %v", err, fs.ErrNotExist)
	}
}

func TestWriteKeepsOldFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a.json")
	if err := Write(name, "old"); err != nil {
		t.Fatal(err)
	}
	if err := Write(name, func() {}); err == nil || !strings.HasPrefix(err.Error(), `encoding "`+name+`": `) {
		t.Errorf("a value without a JSON form: got %v, want an error that names the file", err)
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != "\"old\"\n" {
		t.Errorf("got %q, %v, want the old document", got, err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("got %v, %v, want one file", entries, err)
	}
}
