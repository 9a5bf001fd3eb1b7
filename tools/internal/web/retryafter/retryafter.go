// Package retryafter reads how long a server asks its client to wait.
package retryafter

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// longest is 68 years: what is more overflows nothing.
const longest = 1 << 31 * time.Second

// Parse reads the value of a Retry-After header (RFC 9110, section 10.2.3): whole
// seconds, or a date, which is compared with now, the server's time. It is never
// negative. What is neither is no answer.
func Parse(value string, now time.Time) (wait time.Duration, ok bool) {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0, false
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 32)
		if err != nil { // it has too many digits
			return longest, true
		}
		return time.Duration(seconds) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(0, at.Sub(now)), longest), true
	}
	return 0, false
}
