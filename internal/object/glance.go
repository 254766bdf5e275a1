package object

// Glimpse is what a look at an event of a watch tells, without reading the object.
type Glimpse struct {
	Type                          string // ADDED, MODIFIED, ...
	Namespace, Name, UID, Version string // of the object's metadata
}

// Glance looks at an event, {"type": ..., "object": ...}, for what names its object and its version. ok is false where only
// Parse can tell: something is missing, comes twice, or is no JSON. What it passes over may still be none.
func Glance(event []byte) (g Glimpse, ok bool) {
	p := parsers.Get().(*parser)
	defer parsers.Put(p)
	p.data, p.at, p.depth = event, 0, 0
	defer func() { p.data = nil }()
	p.blanks()
	objects, metas := 0, 0
	meta := func(key string) bool { return p.identity(key, &g) }
	body := func(key string) bool {
		if key != "metadata" {
			return p.skip()
		}
		metas++
		return metas == 1 && p.members(meta)
	}
	ok = p.members(func(key string) bool {
		switch key {
		case "type":
			return p.once(&g.Type)
		case "object":
			objects++
			return objects == 1 && p.members(body)
		}
		return p.skip()
	})
	p.blanks()
	return g, ok && p.at == len(event) && g.Type != "" && g.Name != "" && g.UID != "" && g.Version != ""
}

// identity takes one field of metadata.
func (p *parser) identity(key string, g *Glimpse) bool {
	switch key {
	case "namespace":
		return p.once(&g.Namespace)
	case "name":
		return p.once(&g.Name)
	case "uid":
		return p.once(&g.UID)
	case "resourceVersion":
		return p.once(&g.Version)
	}
	return p.skip()
}

// once reads a string that is not empty, for the first time.
func (p *parser) once(to *string) bool {
	if *to != "" || p.peek() != '"' {
		return false
	}
	raw, err := p.str()
	*to = string(raw)
	return err == nil && *to != ""
}

// members calls member with p at the value of each key of an object. member reads the value, and ends everything with false.
func (p *parser) members(member func(key string) bool) bool {
	if p.peek() != '{' || p.enter() != nil {
		return false
	}
	if p.peek() == '}' {
		p.leave()
		return true
	}
	for {
		key, err := p.key()
		if err != nil || !member(key) {
			return false
		}
		p.blanks()
		switch p.peek() {
		case ',':
			p.at++
			p.blanks()
		case '}':
			p.leave()
			return true
		default:
			return false
		}
	}
}

// skip passes over a value.
func (p *parser) skip() bool {
	switch c := p.peek(); {
	case c == '"':
		_, err := p.str()
		return err == nil
	case c == '{' || c == '[':
		end := extent(p.data, p.at)
		ok := end <= len(p.data) && (p.data[end-1] == '}' || p.data[end-1] == ']')
		p.at = end
		return ok
	}
	from := p.at
	for p.at < len(p.data) && p.data[p.at] > ' ' && p.data[p.at] != ',' && p.data[p.at] != '}' && p.data[p.at] != ']' {
		p.at++
	}
	return p.at > from
}
