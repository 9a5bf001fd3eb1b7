package rpm

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Pages of Berkeley DB (its src/dbinc/db_page.h), whose numbers have the order of the machine
// that wrote them.
const (
	bdbMagic                                                = 0x061561 // of a hash
	bdbHeader                                               = 26       // bytes
	bdbUnsorted, bdbOverflow, bdbMeta, bdbSorted            = 2, 7, 8, 13
	bdbInline, bdbOffPage                                   = 1, 3 // kinds of items
	bdbPageSize, bdbKind, bdbLast, bdbNext, bdbCount, bdbHi = 20, 25, 32, 16, 20, 22
)

func bdbOrder(start []byte) binary.ByteOrder {
	if len(start) < 72 {
		return nil
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if order.Uint32(start[12:]) == bdbMagic {
			return order
		}
	}
	return nil
}

func isBDB(start []byte) bool { return bdbOrder(start) != nil }

// bdb is a file Packages: a hash from numbers to packages.
type bdb struct {
	*pages
	order binary.ByteOrder
}

// readBDB calls add for each value of the hash.
func readBDB(f *pages, start []byte, add func([]byte) error) error {
	d := &bdb{f, bdbOrder(start)}
	f.page = int64(d.order.Uint32(start[bdbPageSize:]))
	last := int64(d.order.Uint32(start[bdbLast:]))
	switch {
	case start[24] != 0:
		return errors.New("it is encrypted")
	case start[bdbKind] != bdbMeta:
		return fmt.Errorf("got page of kind %d, want %d", start[bdbKind], bdbMeta)
	case f.page < 512 || f.page > 64<<10 || f.page&(f.page-1) != 0:
		return fmt.Errorf("got pages of %d bytes", f.page)
	case (last+1)*f.page > f.size:
		return fmt.Errorf("got %d bytes, want %d pages of %d", f.size, last+1, f.page)
	}
	// The values are on pages of their own, which the walk meets too. It looks only at their
	// kind.
	kind := make([]byte, 1)
	for n := int64(1); n <= last; n++ {
		if _, err := f.r.ReadAt(kind, n*f.page+bdbKind); err != nil {
			return fmt.Errorf("page %d: %w", n, err)
		}
		if kind[0] != bdbUnsorted && kind[0] != bdbSorted {
			continue
		}
		page, err := f.read(n)
		if err == nil {
			err = d.values(page, add)
		}
		if err != nil {
			return fmt.Errorf("page %d: %w", n, err)
		}
	}
	return nil
}

// values calls add for each value of a page. It has keys and values in turn, from its end on;
// their offsets are at its beginning.
func (d *bdb) values(page []byte, add func([]byte) error) error {
	count := int(d.order.Uint16(page[bdbCount:]))
	if count%2 != 0 || bdbHeader+2*count > len(page) {
		return fmt.Errorf("it has %d keys and values", count)
	}
	end := len(page)
	var key []byte
	for i := range count {
		at := int(d.order.Uint16(page[bdbHeader+2*i:]))
		if at < bdbHeader+2*count || at >= end {
			return fmt.Errorf("item %d is at %d", i, at)
		}
		item := page[at:end]
		end = at
		if i%2 == 0 {
			key = item
			continue
		}
		// The number 0 has the last number that was given.
		if len(key) == 5 && key[0] == bdbInline && d.order.Uint32(key[1:]) == 0 {
			continue
		}
		value, err := d.value(item)
		if err == nil {
			err = add(value)
		}
		if err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
	}
	return nil
}

// value returns a value, which is on the page or on others.
func (d *bdb) value(item []byte) ([]byte, error) {
	switch {
	case item[0] == bdbInline:
		return item[1:], nil
	case item[0] != bdbOffPage || len(item) < 12:
		return nil, fmt.Errorf("got an item of kind %d", item[0])
	}
	next, size := int64(d.order.Uint32(item[4:])), int64(d.order.Uint32(item[8:]))
	if size > d.size {
		return nil, fmt.Errorf("it has %d bytes", size)
	}
	var value []byte
	for next != 0 {
		page, err := d.read(next)
		if err != nil {
			return nil, err
		}
		used := int(d.order.Uint16(page[bdbHi:]))
		if page[bdbKind] != bdbOverflow || bdbHeader+used > len(page) {
			return nil, fmt.Errorf("page %d: got kind %d with %d bytes", next, page[bdbKind], used)
		}
		value = append(value, page[bdbHeader:bdbHeader+used]...)
		next = int64(d.order.Uint32(page[bdbNext:]))
	}
	if int64(len(value)) != size {
		return nil, fmt.Errorf("got %d bytes, want %d", len(value), size)
	}
	return value, nil
}
