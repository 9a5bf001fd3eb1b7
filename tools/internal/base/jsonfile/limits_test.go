package jsonfile

import (
	"strings"
	"testing"
)

// TestLimits: what is within MaxSize, but costs more than that.
func TestLimits(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"as many values as may be", `{"list": [` + strings.Repeat("1,", maxTokens-6) + "1]}", ""},
		{"too many values", "{\n\"list\": [" + strings.Repeat("1,", maxTokens) + "1]}", "2: document has more than 500000 keys and values"},
		{"unknown field", "{\n\"none\": 1}", `2: json: unknown field "none"`},
		{"unknown field in a large document", "{\n\"none\": 1" + strings.Repeat(" ", maxSearchSize) + "}", ` json: unknown field "none"`},
		{"wrong type in a large document", "{\n\"list\": 1" + strings.Repeat(" ", maxSearchSize) + "}", `2: json: cannot unmarshal`},
	} {
		var v struct {
			List []int `json:"list"`
		}
		err := Unmarshal([]byte(tt.in), &v)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}
