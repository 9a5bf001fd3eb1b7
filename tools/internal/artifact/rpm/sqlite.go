package rpm

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// readSQLite calls add for each row of the table Packages of a rpmdb.sqlite
// (https://www.sqlite.org/fileformat2.html): CREATE TABLE Packages (hnum INTEGER PRIMARY KEY
// AUTOINCREMENT, blob BLOB NOT NULL). A write-ahead log beside the file does not count.
func readSQLite(f *pages, start []byte, add func([]byte) error) error {
	if len(start) < 100 {
		return errors.New("the file ends in its header")
	}
	f.page = int64(binary.BigEndian.Uint16(start[16:]))
	if f.page == 1 {
		f.page = 64 << 10
	}
	usable := f.page - int64(start[20])
	if f.page < 512 || f.page&(f.page-1) != 0 || usable < 480 {
		return fmt.Errorf("got pages of %d bytes, %d of them usable", f.page, usable)
	}
	if encoding := binary.BigEndian.Uint32(start[56:]); encoding > 1 {
		return fmt.Errorf("got text encoding %d, want UTF-8", encoding)
	}
	s := &sqlite{f, usable}
	root := int64(0)
	err := s.table(1, 0, func(record []byte) error {
		columns, err := parseRecord(record)
		if err != nil {
			return err
		}
		// type, name, tbl_name, rootpage, sql
		if len(columns) == 5 && string(columns[0].bytes) == "table" && string(columns[1].bytes) == "Packages" {
			root = columns[3].number
		}
		return nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("the schema: %w", err)
	case root < 2:
		return errors.New("there is no table Packages")
	}
	err = s.table(root, 0, func(record []byte) error {
		columns, err := parseRecord(record)
		if err == nil && len(columns) != 2 {
			err = fmt.Errorf("got %d columns, want 2", len(columns))
		}
		if err != nil {
			return err
		}
		return add(columns[1].bytes)
	})
	if err != nil {
		return fmt.Errorf("table Packages: %w", err)
	}
	return nil
}

type sqlite struct {
	*pages
	usable int64 // bytes of a page
}

// maxDepth is the depth of a b-tree that a file could have.
const maxDepth = 30

// table calls row for each record of the b-tree below a page, whose numbers begin at 1.
func (s *sqlite) table(number int64, depth int, row func([]byte) error) error {
	page, err := s.read(number - 1)
	if err != nil {
		return err
	}
	head := page
	if number == 1 {
		head = page[100:]
	}
	kind, cells := head[0], int(binary.BigEndian.Uint16(head[3:]))
	if depth > maxDepth || kind != 0x0d && kind != 0x05 {
		return fmt.Errorf("page %d: got kind %#x at depth %d, want a table", number, kind, depth)
	}
	pointers := head[8:]
	if kind == 0x05 {
		pointers = head[12:]
	}
	if 2*cells > len(pointers) {
		return fmt.Errorf("page %d: it has %d cells", number, cells)
	}
	left := s.usable
	for i := range cells {
		at := int64(binary.BigEndian.Uint16(pointers[2*i:]))
		if at+4 > s.usable {
			return fmt.Errorf("page %d: a cell is at %d", number, at)
		}
		if kind == 0x05 {
			err = s.table(int64(binary.BigEndian.Uint32(page[at:])), depth+1, row)
		} else {
			record, used, recordErr := s.record(page[at:s.usable])
			if left -= used; recordErr == nil && left < 0 {
				recordErr = errors.New("rows overlap")
			}
			if err = recordErr; err == nil {
				err = row(record)
			}
			if err != nil {
				err = fmt.Errorf("page %d: %w", number, err)
			}
		}
		if err != nil {
			return err
		}
	}
	if kind == 0x05 {
		return s.table(int64(binary.BigEndian.Uint32(head[8:])), depth+1, row)
	}
	return nil
}

// record returns the payload of a leaf's cell: its size, the row's id, the beginning, and the
// number of the page with the rest. Used is the number of bytes in the cell.
func (s *sqlite) record(cell []byte) (record []byte, used int64, err error) {
	size, n := varint(cell)
	_, m := varint(cell[n:])
	cell = cell[n+m:]
	if n == 0 || m == 0 || size < 0 || size > s.size {
		return nil, 0, fmt.Errorf("a row has %d bytes", size)
	}
	local := size
	if most := s.usable - 35; size > most {
		least := (s.usable-12)*32/255 - 23
		if local = least + (size-least)%(s.usable-4); local > most {
			local = least
		}
	}
	if local > int64(len(cell)) || local < size && local+4 > int64(len(cell)) {
		return nil, 0, errors.New("a row is cut")
	}
	record = append([]byte(nil), cell[:local]...)
	if local == size {
		return record, local, nil
	}
	for next := int64(binary.BigEndian.Uint32(cell[local:])); int64(len(record)) < size; {
		page, err := s.read(next - 1)
		if err != nil {
			return nil, 0, err
		}
		next = int64(binary.BigEndian.Uint32(page))
		record = append(record, page[4:min(s.usable, 4+size-int64(len(record)))]...)
	}
	return record, local, nil
}

// A column is a value of a row: a number, or bytes.
type column struct {
	number int64
	bytes  []byte
}

// parseRecord returns the columns of a record.
func parseRecord(record []byte) ([]column, error) {
	size, n := varint(record)
	if n == 0 || size < int64(n) || size > int64(len(record)) {
		return nil, errors.New("the header of a row is cut")
	}
	types, body := record[n:size], record[size:]
	var columns []column
	for len(types) > 0 {
		kind, n := varint(types)
		if n == 0 || kind < 0 {
			return nil, errors.New("the header of a row is cut")
		}
		types = types[n:]
		width := map[int64]int64{1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8, 7: 8}[kind]
		if kind >= 12 {
			width = (kind - 12) / 2
		}
		if width > int64(len(body)) {
			return nil, errors.New("a row is cut")
		}
		c := column{bytes: body[:width]}
		body = body[width:]
		switch {
		case kind == 9:
			c.number = 1
		case kind < 7:
			for i, b := range c.bytes {
				if i == 0 {
					c.number = int64(int8(b))
				} else {
					c.number = c.number<<8 | int64(b)
				}
			}
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// varint reads SQLite's variable-length integer and returns its length; 0 if it is cut.
func varint(b []byte) (v int64, n int) {
	for n < len(b) && n < 8 {
		v = v<<7 | int64(b[n]&0x7f)
		if n++; b[n-1] < 0x80 {
			return v, n
		}
	}
	if n == 8 && len(b) > 8 {
		return v<<8 | int64(b[8]), 9
	}
	return 0, 0
}
