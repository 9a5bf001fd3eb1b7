package plot

import (
	"slices"
	"testing"
)

func TestLogTicks(t *testing.T) {
	for _, tt := range []struct {
		low, high float64
		want      []float64
	}{
		{0.3, 90, []float64{0.1, 1, 10, 100}},
		{0.3, 4, []float64{0.2, 0.5, 1, 2, 5}},
		{1, 100, []float64{1, 10, 100}},
		{3, 3, []float64{2, 5}},
		{0.001, 0.001, []float64{0.001, 0.002}},
	} {
		if got := logTicks(tt.low, tt.high); !slices.Equal(got, tt.want) {
			t.Errorf("%v to %v: got %v, want %v", tt.low, tt.high, got, tt.want)
		}
	}
}

func TestSpread(t *testing.T) {
	for _, tt := range []struct{ at, want []float64 }{
		{[]float64{90, 10, 50}, []float64{90, 10, 50}},
		{[]float64{50, 50, 51}, []float64{50, 67, 84}},
		{[]float64{99, 100}, []float64{83, 100}},
		{[]float64{-5, 0}, []float64{0, 17}},
	} {
		if got := spread(tt.at, 0, 100); !slices.Equal(got, tt.want) {
			t.Errorf("%v: got %v, want %v", tt.at, got, tt.want)
		}
	}
}
