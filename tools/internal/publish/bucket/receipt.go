package bucket

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jasonwzm/release-builder/tools/internal/base/digest"
	"github.com/jasonwzm/release-builder/tools/internal/base/jsonfile"
	"github.com/jasonwzm/release-builder/tools/internal/publish"
)

const (
	receiptKind = "receipt"
	// receiptSuffix follows the version in the key of a receipt. The receipt is beside the
	// release's objects, which are exactly those in SHA256SUMS.
	receiptSuffix = ".receipt.json"
)

// ReceiptName returns the name of a version's receipt, beside the version's objects.
func ReceiptName(version string) string { return version + receiptSuffix }

// PlanReceipt implements [publish.Recorder].
func (b *bucket) PlanReceipt(ctx context.Context, r *publish.Receipt) (publish.Item, error) {
	want, err := r.Marshal()
	if err != nil {
		return publish.Item{}, err
	}
	key := b.prefix + ReceiptName(r.Version)
	i := publish.Item{
		Phase: publish.Record, Kind: receiptKind, Name: b.store.name(key), Digest: string(digest.FromBytes(want)), Size: int64(len(want)),
		State: publish.Absent, URL: b.store.url(key),
	}
	b.Serve(&i, key)
	found, o, err := readPointer(ctx, b.store, key, jsonfile.MaxSize)
	switch {
	case errors.Is(err, ErrTooLarge):
		i.State, i.Found = publish.Conflict, fmt.Sprintf("not a receipt, more than %d bytes", jsonfile.MaxSize)
		return i, nil
	case err != nil || o.version == "":
		return i, err
	}
	switch i.State, i.Found = r.Compare(found); i.State {
	case publish.Equal:
		i.Version, i.Digest, i.Size = o.version, string(digest.FromBytes(found)), int64(len(found))
	case publish.Behind:
		i.Guard = o.version
	}
	return i, nil
}

// Record implements [publish.Recorder].
func (b *bucket) Record(ctx context.Context, i publish.Item, r *publish.Receipt, report publish.Report) error {
	data, err := r.Marshal()
	if err != nil {
		return err
	}
	key, err := b.Key(i.Name)
	if err != nil {
		return err
	}
	w := pointer(key, i.Guard, data, contentType(key))
	w.sent = func(n int64) { report(publish.Progress{Bytes: n}) }
	err = b.store.put(ctx, w)
	if errors.Is(err, errTaken) {
		var now publish.Item
		now, err = b.PlanReceipt(ctx, r)
		if err == nil && now.State != publish.Equal {
			err = fmt.Errorf("writing receipt %q: got %s, want %s: %w", i.Name, cmp.Or(now.Found, "none"), cmp.Or(i.Found, "none"), publish.ErrChanged)
		}
	}
	if err == nil {
		report(publish.Progress{Done: &i})
	}
	return err
}

// ReadReceipt returns the content of a version's receipt in a bucket, nil if there is none,
// and its name for people.
func ReadReceipt(ctx context.Context, c Config, version string) (data []byte, name string, err error) {
	p, err := Open(ctx, c, nil)
	if err != nil {
		return nil, "", err
	}
	key := p.prefix + ReceiptName(version)
	data, _, err = readPointer(ctx, p.store, key, jsonfile.MaxSize)
	return data, p.store.name(key), err
}

// Versions returns the versions with a receipt in a bucket, sorted as text.
func Versions(ctx context.Context, c Config) ([]string, error) {
	return beside(ctx, c, receiptSuffix)
}
