package cli

import "fmt"

// Size writes a number of bytes for people.
func Size(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	v, prefix := float64(n)/unit, 0
	for v >= unit && prefix < 3 {
		v, prefix = v/unit, prefix+1
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGT"[prefix])
}

// SizeChange writes the difference of two sizes in bytes for people, with its sign.
func SizeChange(old, new int64) string {
	if new < old {
		return "-" + Size(old-new)
	}
	return "+" + Size(new-old)
}
