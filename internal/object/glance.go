package object

// Glimpse is what a look at an event of a watch tells, without reading the object.
type Glimpse struct {
	Type                          string // ADDED, MODIFIED, ...
	Namespace, Name, UID, Version string // of the object's metadata
}

// Glance looks at an event, {"type": ..., "object": ...}, for what names its object and its version. ok is false where only
// Parse can tell: something is missing, comes twice, or is no JSON.
func Glance(event []byte) (g Glimpse, ok bool) {
	p := parserOf(event)
	defer p.release()
	objects, metas := 0, 0
	meta := func(key string) bool { return p.identity(key, &g) }
	body := func(key string) bool {
		if key != "metadata" {
			return p.SkipValue() == nil
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
		return p.SkipValue() == nil
	})
	return g, ok && p.ended() && g.Type != "" && g.Name != "" && g.UID != "" && g.Version != ""
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
	return p.SkipValue() == nil
}

// once reads a string that is not empty, for the first time.
func (p *parser) once(to *string) bool {
	if *to != "" || p.PeekKind() != '"' {
		return false
	}
	raw, err := p.str()
	*to = string(raw)
	return err == nil && *to != ""
}

// members calls member with p at the value of each key of an object. member reads the value, and ends everything with false.
func (p *parser) members(member func(key string) bool) bool {
	if p.PeekKind() != '{' {
		return false
	}
	if _, err := p.ReadToken(); err != nil {
		return false
	}
	for p.PeekKind() != '}' {
		raw, err := p.str()
		if err != nil || !member(p.word(raw).s) {
			return false
		}
	}
	_, err := p.ReadToken()
	return err == nil
}
