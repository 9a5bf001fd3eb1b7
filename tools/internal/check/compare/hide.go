package compare

// What follows from another difference is taken out of decoded documents before
// they are compared.

func field(v any, name string) any {
	m, _ := v.(map[string]any)
	return m[name]
}

// hide replaces digest and size of the descriptor that is at a place of a list.
func hide(list []any, at int, by string) {
	if at >= len(list) {
		return
	}
	if m, ok := list[at].(map[string]any); ok {
		m["digest"] = by
		delete(m, "size")
	}
}

// hideList hides the first n descriptors of a list, and cuts off the others.
func hideList(doc any, name string, n int) {
	list, _ := field(doc, name).([]any)
	for i := range list {
		hide(list, i, layerName(i))
	}
	if len(list) > n {
		doc.(map[string]any)[name] = list[:n]
	}
}
